//! An expression of an attribute must not leave or suspend the method.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::{Expr, Item, Label, Lifetime, Macro, spanned::Spanned, visit::Visit};

/// An error for the first token that would leave or suspend the method from inside the attribute.
pub(crate) fn check(expression: &Expr) -> syn::Result<()> {
    let mut search = Leaving::default();
    search.visit_expr(expression);
    search.found.map_or(Ok(()), Err)
}

#[derive(Default)]
struct Leaving {
    found: Option<syn::Error>,
    /// The number of the expression's own loops around the current place.
    loops: usize,
    /// The labels of the expression's own loops and blocks.
    labels: Vec<Lifetime>,
}

impl Leaving {
    fn found(&mut self, span: Span, word: &str) {
        let message = format!(
            "{word} cannot stand in an event attribute; compute the value in the body or pass it as an argument"
        );
        self.found.get_or_insert_with(|| syn::Error::new(span, message));
    }

    /// A `break` or `continue` may leave a loop or block that the expression itself began, and nothing else.
    fn jump(&mut self, span: Span, word: &str, label: Option<&Lifetime>) {
        let is_own = label.map_or(0 < self.loops, |label| self.labels.contains(label));
        if !is_own {
            self.found(span, word);
        }
    }

    fn inside(&mut self, label: Option<&Label>, is_loop: bool, visit: impl FnOnce(&mut Self)) {
        let (loops, labels) = (self.loops, self.labels.len());
        self.labels.extend(label.map(|label| label.name.clone()));
        self.loops += usize::from(is_loop);
        visit(self);
        self.labels.truncate(labels);
        self.loops = loops;
    }

    /// Tokens of a macro. Its grammar is not known, so every word that could leave the method is refused.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut behind_value = false;
        let mut behind_dot = false;
        for token in tokens {
            let span = token.span();
            match &token {
                TokenTree::Ident(name) => {
                    let word = name.to_string();
                    match word.as_str() {
                        "return" | "break" | "continue" | "yield" => self.found(span, &format!("`{word}`")),
                        "await" if behind_dot => self.found(span, "`.await`"),
                        _ => {}
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == '?' && behind_value => self.found(span, "`?`"),
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            behind_dot = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.');
            behind_value = match &token {
                TokenTree::Ident(name) => syn::parse2::<Ident>(token.clone().into()).is_ok() || is_value(name),
                TokenTree::Literal(_) | TokenTree::Group(_) => true,
                TokenTree::Punct(punct) => punct.as_char() == '?' && behind_value,
            };
        }
    }
}

/// A keyword that ends an expression.
fn is_value(name: &Ident) -> bool {
    ["self", "true", "false", "await"].iter().any(|word| name == word)
}

impl Visit<'_> for Leaving {
    fn visit_expr(&mut self, expression: &Expr) {
        match expression {
            // A closure or an async block leaves only itself.
            Expr::Closure(_) | Expr::Async(_) => {}
            Expr::Try(question) => {
                self.visit_expr(&question.expr);
                self.found(question.question_token.span(), "`?`");
            }
            Expr::Await(wait) => {
                self.visit_expr(&wait.base);
                self.found(wait.await_token.span(), "`.await`");
            }
            Expr::Return(leave) => self.found(leave.return_token.span(), "`return`"),
            Expr::Yield(leave) => self.found(leave.yield_token.span(), "`yield`"),
            Expr::Break(jump) => {
                self.jump(jump.break_token.span(), "`break`", jump.label.as_ref());
                syn::visit::visit_expr(self, expression);
            }
            Expr::Continue(jump) => self.jump(jump.continue_token.span(), "`continue`", jump.label.as_ref()),
            Expr::Loop(own) => self.inside(own.label.as_ref(), true, |own_loop| own_loop.visit_block(&own.body)),
            Expr::While(own) => self.inside(own.label.as_ref(), true, |own_loop| {
                own_loop.visit_expr(&own.cond);
                own_loop.visit_block(&own.body);
            }),
            Expr::ForLoop(own) => {
                self.visit_expr(&own.expr);
                self.inside(own.label.as_ref(), true, |own_loop| own_loop.visit_block(&own.body));
            }
            Expr::Block(own) => self.inside(own.label.as_ref(), false, |block| block.visit_block(&own.block)),
            Expr::Verbatim(tokens) => self.tokens(tokens.clone()),
            _ => syn::visit::visit_expr(self, expression),
        }
    }

    fn visit_macro(&mut self, call: &Macro) {
        self.tokens(call.tokens.clone());
    }

    /// A function of its own leaves only itself.
    fn visit_item(&mut self, _: &Item) {}
}
