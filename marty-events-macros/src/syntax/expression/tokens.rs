//! Tokens of a macro and of a format string, read without a grammar.

use proc_macro2::{Spacing, TokenTree};

/// True if `{word}` or `{word:..}` stands in a format string.
pub(super) fn captures(format: &str, word: &str) -> bool {
    format.match_indices(&format!("{{{word}")).any(|(at, found)| {
        let escaped = format[..at].chars().rev().take_while(|letter| *letter == '{').count() % 2 == 1;
        !escaped && format[at + found.len()..].starts_with(['}', ':'])
    })
}

/// True if a word is a value: not a field, in a path, a key, assigned to or a macro.
pub(super) fn stands_alone(before: &[TokenTree], after: &[TokenTree]) -> bool {
    let punct = |token: Option<&TokenTree>, letter: char, spacing: Spacing| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == letter && punct.spacing() == spacing);
    let (last, last_but_one) = (before.last(), before.iter().rev().nth(1));
    let is_field = punct(last, '.', Spacing::Alone) && !punct(last_but_one, '.', Spacing::Joint);
    let is_in_path = punct(last, ':', Spacing::Alone) && punct(last_but_one, ':', Spacing::Joint);
    let next = after.first();
    let is_key = punct(next, ':', Spacing::Alone) || punct(next, ':', Spacing::Joint);
    let is_assigned = punct(next, '=', Spacing::Alone);
    let is_macro = punct(next, '!', Spacing::Alone) && matches!(after.get(1), Some(TokenTree::Group(_)));
    !(is_field || is_in_path || is_key || is_assigned || is_macro)
}
