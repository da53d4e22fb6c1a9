//! Variables that an expression names: a single word that nothing inside the expression binds.

#[cfg(test)]
mod tests;

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Arm, Attribute, Block, Expr, ExprClosure, ExprForLoop, ExprIf, ExprLet, ExprWhile, Ident, Item, Lit, Local, Macro,
    Pat, PatIdent, Path, Token, Type, ext::IdentExt, parse::Parser, punctuated::Punctuated, visit::Visit,
};

use super::tokens::{captures, stands_alone};

/// The token of `word` as a value in an expression. The value is bound under this token of the user's.
///
/// A field, a method, a module and a variable of the expression's own may have the same name. They do not count.
pub(crate) fn names(expression: &Expr, word: &str) -> Option<Ident> {
    let mut search = Names { word, found: None, is_bound: false };
    search.visit_expr(expression);
    search.found
}

struct Names<'w> {
    word: &'w str,
    found: Option<Ident>,
    /// A pattern of the expression's own binds the word here.
    is_bound: bool,
}

impl Names<'_> {
    fn found(&mut self, name: &Ident) {
        if !self.is_bound && name.unraw() == self.word {
            self.found.get_or_insert_with(|| name.clone());
        }
    }

    /// Bindings made inside end with the scope.
    fn scope(&mut self, visit: impl FnOnce(&mut Self)) {
        let is_bound = self.is_bound;
        visit(self);
        self.is_bound = is_bound;
    }

    fn bind(&mut self, pattern: &Pat) {
        self.is_bound |= binds(pattern, self.word);
    }

    /// Tokens of a macro: a list of expressions, as `format!` and `vec!` take it, or any other grammar.
    fn tokens(&mut self, tokens: TokenStream) {
        let list = Punctuated::<Expr, Token![,]>::parse_terminated;
        match list.parse2(tokens.clone()) {
            Ok(arguments) => self.arguments(&arguments),
            Err(_) => self.unparsed(tokens),
        }
    }

    /// `format!("{error}", error = reason)` names an argument of its own.
    fn arguments(&mut self, arguments: &Punctuated<Expr, Token![,]>) {
        let mut is_own = false;
        for argument in arguments {
            match argument {
                Expr::Assign(named) if is_word(&named.left, self.word) => {
                    is_own = true;
                    self.visit_expr(&named.right);
                }
                Expr::Lit(_) => {}
                argument => self.visit_expr(argument),
            }
        }
        let literals = arguments.iter().filter_map(|argument| match argument {
            Expr::Lit(literal) => Some(&literal.lit),
            _ => None,
        });
        for literal in literals.filter(|_| !is_own) {
            if let Lit::Str(text) = literal
                && captures(&text.value(), self.word)
            {
                self.found(&Ident::new(self.word, text.span()));
            }
        }
    }

    /// Tokens of any grammar. A word counts if it stands alone: not as a field, in a path, as a key or as a macro.
    fn unparsed(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(name) if stands_alone(&tokens[..index], &tokens[index + 1..]) => self.found(name),
                TokenTree::Group(group) => self.tokens(group.stream()),
                // A format string captures names too.
                TokenTree::Literal(text) if captures(&text.to_string(), self.word) => {
                    self.found(&Ident::new(self.word, text.span()));
                }
                _ => {}
            }
        }
    }
}

fn is_word(expression: &Expr, word: &str) -> bool {
    matches!(expression, Expr::Path(path) if path.qself.is_none() && path.path.get_ident().is_some_and(|name| name.unraw() == word))
}

fn binds(pattern: &Pat, word: &str) -> bool {
    struct Find<'w>(&'w str, bool);
    impl Visit<'_> for Find<'_> {
        fn visit_pat_ident(&mut self, name: &PatIdent) {
            self.1 |= name.ident.unraw() == self.0;
            syn::visit::visit_pat_ident(self, name);
        }
    }
    let mut find = Find(word, false);
    find.visit_pat(pattern);
    find.1
}

impl Visit<'_> for Names<'_> {
    fn visit_expr(&mut self, expression: &Expr) {
        match expression {
            Expr::Path(path) if path.qself.is_none() => {
                if let Some(name) = path.path.get_ident() {
                    self.found(name);
                }
            }
            Expr::Verbatim(tokens) => self.unparsed(tokens.clone()),
            _ => syn::visit::visit_expr(self, expression),
        }
    }

    fn visit_expr_closure(&mut self, closure: &ExprClosure) {
        self.scope(|inner| {
            closure.inputs.iter().for_each(|pattern| inner.bind(pattern));
            inner.visit_expr(&closure.body);
        });
    }

    fn visit_block(&mut self, block: &Block) {
        self.scope(|inner| syn::visit::visit_block(inner, block));
    }

    fn visit_local(&mut self, local: &Local) {
        if let Some(init) = &local.init {
            self.visit_local_init(init);
        }
        self.bind(&local.pat);
    }

    /// A `let` in a condition binds for the code after it, up to the end of the scope.
    fn visit_expr_let(&mut self, condition: &ExprLet) {
        self.visit_expr(&condition.expr);
        self.bind(&condition.pat);
    }

    fn visit_expr_if(&mut self, branches: &ExprIf) {
        self.scope(|inner| {
            inner.visit_expr(&branches.cond);
            inner.visit_block(&branches.then_branch);
        });
        if let Some((_, otherwise)) = &branches.else_branch {
            self.visit_expr(otherwise);
        }
    }

    fn visit_expr_while(&mut self, repeated: &ExprWhile) {
        self.scope(|inner| {
            inner.visit_expr(&repeated.cond);
            inner.visit_block(&repeated.body);
        });
    }

    fn visit_expr_for_loop(&mut self, repeated: &ExprForLoop) {
        self.visit_expr(&repeated.expr);
        self.scope(|inner| {
            inner.bind(&repeated.pat);
            inner.visit_block(&repeated.body);
        });
    }

    fn visit_arm(&mut self, arm: &Arm) {
        self.scope(|inner| {
            inner.bind(&arm.pat);
            if let Pat::Guard(guarded) = &arm.pat {
                inner.visit_expr(&guarded.guard);
            }
            inner.visit_expr(&arm.body);
        });
    }

    fn visit_macro(&mut self, call: &Macro) {
        self.tokens(call.tokens.clone());
    }

    // None of these can name a variable of the method.
    fn visit_item(&mut self, _: &Item) {}
    fn visit_type(&mut self, _: &Type) {}
    fn visit_path(&mut self, _: &Path) {}
    fn visit_attribute(&mut self, _: &Attribute) {}
}
