//! Tokens of the user as a line of code, for the line that an error proposes.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// The tokens as a line of code.
pub(super) fn written(tokens: &impl ToTokens) -> String {
    let mut line = String::new();
    write(tokens.to_token_stream(), &mut line);
    line.trim().to_owned()
}

fn write(tokens: TokenStream, line: &mut String) {
    let mut is_joint = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => (" { ", " }"),
                    Delimiter::None => ("", ""),
                };
                line.push_str(open);
                write(group.stream(), line);
                line.push_str(close);
            }
            TokenTree::Punct(punct) => {
                let letter = punct.as_char();
                let is_tight = matches!(letter, '.' | ':' | '&' | '!' | '?' | '\'' | '<' | '>' | ',');
                if !is_tight && !is_joint && !line.ends_with([' ', '(']) && !line.is_empty() {
                    line.push(' ');
                }
                line.push(letter);
                is_joint = punct.spacing() == Spacing::Joint;
                if letter == ',' || (!is_tight && !is_joint) {
                    line.push(' ');
                }
                continue;
            }
            TokenTree::Ident(_) | TokenTree::Literal(_) => {
                if line.ends_with(|letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '"')) {
                    line.push(' ');
                }
                line.push_str(&token.to_string());
            }
        }
        is_joint = false;
    }
}
