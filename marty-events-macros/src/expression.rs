//! Expressions of the user's in an attribute.

use proc_macro2::{Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, Ident, visit::Visit};

/// The `result` that an expression names, so that it can be bound under the user's own token.
pub(crate) fn names_result(expression: &Expr) -> Option<Ident> {
    find_result(expression.to_token_stream())
}

fn find_result(tokens: TokenStream) -> Option<Ident> {
    let mut behind_dot = false;
    for token in tokens {
        match token {
            TokenTree::Ident(name) if name == "result" && !behind_dot => return Some(name),
            TokenTree::Group(group) => {
                if let Some(found) = find_result(group.stream()) {
                    return Some(found);
                }
                behind_dot = false;
            }
            TokenTree::Punct(punct) => behind_dot = punct.as_char() == '.' && punct.spacing() == Spacing::Alone,
            _ => behind_dot = false,
        }
    }
    None
}

/// Whether an expression is a constant's name or a literal: it means the same before and after the body.
pub(crate) fn is_constant(expression: &Expr) -> bool {
    matches!(expression, Expr::Path(_) | Expr::Lit(_))
}

/// An error for what would leave or suspend the method from inside the attribute.
pub(crate) fn check(expression: &Expr) -> syn::Result<()> {
    let mut search = Leaving(None);
    search.visit_expr(expression);
    match search.0 {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

struct Leaving(Option<syn::Error>);

impl Leaving {
    fn found(&mut self, tokens: impl ToTokens, what: &str) {
        let error = syn::Error::new_spanned(
            tokens,
            format!(
                "{what} cannot stand in an event attribute; compute the value in the body or pass it as an argument"
            ),
        );
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }
}

impl Visit<'_> for Leaving {
    fn visit_expr(&mut self, expression: &Expr) {
        match expression {
            Expr::Try(question) => self.found(question.question_token, "`?`"),
            Expr::Return(leave) => self.found(leave.return_token, "`return`"),
            Expr::Await(wait) => self.found(wait.await_token, "`.await`"),
            // What stands in a closure or block of its own leaves only that.
            Expr::Closure(_) | Expr::Async(_) => return,
            _ => {}
        }
        syn::visit::visit_expr(self, expression);
    }
}
