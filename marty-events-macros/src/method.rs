//! The annotated function: its signature, and its body as the tokens it was written in.
//!
//! The body is not parsed, so that a half-typed one still expands and an editor can complete in it.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt};
use syn::{
    Attribute, FnArg, Ident, Pat, Signature, Visibility,
    ext::IdentExt,
    parse::{Parse, ParseStream},
};

use crate::args::Kind;

pub(crate) struct Method {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// The braces and what is in them, or a semicolon where there is no body.
    pub(crate) body: TokenTree,
}

impl Parse for Method {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self {
            attributes: input.call(Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
            body: input.parse()?,
        })
    }
}

impl Method {
    /// Takes the other event attributes off the function, in their order.
    pub(crate) fn take_event_attributes(&mut self) -> Vec<(Kind, Attribute)> {
        let mut taken = Vec::new();
        self.attributes.retain(|attribute| match Kind::of(attribute.path()) {
            Some(kind) => {
                taken.push((kind, attribute.clone()));
                false
            }
            None => true,
        });
        taken
    }

    /// The body's tokens, where there is a body.
    pub(crate) fn statements(&self) -> Option<TokenStream> {
        match &self.body {
            TokenTree::Group(group) => Some(group.stream()),
            _ => None,
        }
    }

    /// Every name that the arguments bind, also inside patterns.
    pub(crate) fn bindings(&self) -> Vec<Ident> {
        let mut names = Vec::new();
        for argument in &self.signature.inputs {
            if let FnArg::Typed(argument) = argument {
                bindings(&argument.pat, &mut names);
            }
        }
        names
    }

    pub(crate) fn has_receiver(&self) -> bool {
        self.signature.receiver().is_some()
    }
}

fn bindings(pattern: &Pat, names: &mut Vec<Ident>) {
    match pattern {
        Pat::Ident(name) => {
            names.push(name.ident.clone());
            if let Some((_, inner)) = &name.subpat {
                bindings(inner, names);
            }
        }
        Pat::Reference(inner) => bindings(&inner.pat, names),
        Pat::Paren(inner) => bindings(&inner.pat, names),
        Pat::Type(inner) => bindings(&inner.pat, names),
        Pat::Tuple(tuple) => tuple.elems.iter().for_each(|inner| bindings(inner, names)),
        Pat::TupleStruct(tuple) => tuple.elems.iter().for_each(|inner| bindings(inner, names)),
        Pat::Slice(slice) => slice.elems.iter().for_each(|inner| bindings(inner, names)),
        Pat::Struct(fields) => fields.fields.iter().for_each(|field| bindings(&field.pat, names)),
        _ => {}
    }
}

/// The name as the user reads it: without `r#`.
pub(crate) fn plain(name: &Ident) -> String {
    name.unraw().to_string()
}

impl ToTokens for Method {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(&self.attributes);
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}
