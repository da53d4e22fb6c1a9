//! The annotated function: its signature, and its body as the tokens it was written in.
//!
//! The body is not parsed, so that a half-typed one still expands and an editor can complete in it.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt};
use syn::{
    Attribute, FnArg, Ident, Pat, ReceiverKind, Signature, Type, Visibility,
    parse::{Parse, ParseStream, Parser},
    visit::Visit,
};

use crate::syntax::kind::Kind;

/// A name that the arguments bind.
#[derive(Clone)]
pub(crate) struct Binding {
    pub(crate) name: Ident,
    pub(crate) is_mutable: bool,
    /// `#[cfg(..)]` of the argument.
    pub(crate) conditions: Vec<Attribute>,
}

pub(crate) struct Method {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// The braces and their content, or a semicolon for a method without a body.
    pub(crate) body: TokenTree,
}

impl Parse for Method {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Self {
            attributes: input.call(Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
            body: block(input.parse()?),
        })
    }
}

/// `$body:block` of a `macro_rules!` comes in an invisible group.
fn block(body: TokenTree) -> TokenTree {
    if let TokenTree::Group(group) = &body
        && group.delimiter() == Delimiter::None
    {
        let mut tokens = group.stream().into_iter();
        if let (Some(inner @ TokenTree::Group(_)), None) = (tokens.next(), tokens.next()) {
            return block(inner);
        }
    }
    body
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

    /// The `#![..]` at the body's beginning, and the rest of its tokens, where there is a body.
    pub(crate) fn statements(&self) -> Option<(Vec<Attribute>, TokenStream)> {
        let TokenTree::Group(group) = &self.body else { return None };
        let split = |input: ParseStream<'_>| Ok((input.call(Attribute::parse_inner)?, input.parse()?));
        // The compiler reports tokens that cannot be split.
        Some(split.parse2(group.stream()).unwrap_or_else(|_| (Vec::new(), group.stream())))
    }

    /// Every name that the arguments bind, also inside patterns.
    pub(crate) fn bindings(&self) -> Vec<Binding> {
        let mut names = Vec::new();
        for argument in &self.signature.inputs {
            if let FnArg::Typed(argument) = argument {
                bindings(&argument.pat, &conditions(&argument.attrs), &mut names);
            }
        }
        names
    }

    pub(crate) fn has_receiver(&self) -> bool {
        self.signature.receiver().is_some()
    }

    /// `&mut self`, `self: &mut Self`
    pub(crate) fn receiver_is_mutable_reference(&self) -> bool {
        self.signature.receiver().is_some_and(|receiver| match &receiver.kind {
            ReceiverKind::Reference(_, _, mutability) => mutability.is_some(),
            ReceiverKind::Typed(_, ty) => is_mut_ref(ty),
            _ => false,
        })
    }
}

/// `#[cfg(..)]` among attributes.
pub(crate) fn conditions(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect()
}

pub(crate) fn bindings(pattern: &Pat, conditions: &[Attribute], names: &mut Vec<Binding>) {
    let mut all = |inner: &Pat| bindings(inner, conditions, names);
    match pattern {
        Pat::Ident(name) => {
            names.push(Binding {
                name: name.ident.clone(),
                is_mutable: name.mutability.is_some(),
                conditions: conditions.to_vec(),
            });
            if let Some((_, inner)) = &name.subpat {
                bindings(inner, conditions, names);
            }
        }
        Pat::Reference(inner) => all(&inner.pat),
        Pat::Paren(inner) => all(&inner.pat),
        Pat::Type(inner) => all(&inner.pat),
        Pat::Tuple(tuple) => tuple.elems.iter().for_each(all),
        Pat::TupleStruct(tuple) => tuple.elems.iter().for_each(all),
        Pat::Slice(slice) => slice.elems.iter().for_each(all),
        Pat::Struct(fields) => fields.fields.iter().for_each(|field| all(&field.pat)),
        _ => {}
    }
}

/// `$ty:ty` of a `macro_rules!` comes in an invisible group, `(&mut T)` in parentheses.
pub(crate) fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        other => other,
    }
}

pub(crate) fn is_mut_ref(ty: &Type) -> bool {
    matches!(peel(ty), Type::Reference(reference) if reference.mutability.is_some())
}

/// True if `impl ..` stands in the type. Such a type cannot be named.
pub(crate) fn mentions_impl(ty: &Type) -> bool {
    struct Find(bool);
    impl Visit<'_> for Find {
        fn visit_type_impl_trait(&mut self, _: &syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut find = Find(false);
    find.visit_type(ty);
    find.0
}

impl ToTokens for Method {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(&self.attributes);
        self.visibility.to_tokens(tokens);
        self.signature.to_tokens(tokens);
        self.body.to_tokens(tokens);
    }
}
