//! Types that may hide a handle: every type whose name does not settle the question.

use syn::{FnArg, GenericArgument, Ident, Pat, PathArguments, Signature, Type, TypePath, spanned::Spanned};

use super::bounds;
use crate::method::{
    model::{Hidden, HiddenBy},
    signature::{conditions, mentions_impl, peel},
};

pub(super) fn hidden(signature: &Signature) -> Vec<Hidden> {
    let arguments = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Receiver(receiver) => {
            Some(Hidden { by: HiddenBy::Receiver(receiver.self_token.span()), conditions: Vec::new() })
        }
        FnArg::Typed(argument) => {
            let by = if bounds::is_opaque(&argument.ty, &signature.generics) || is_plain(&argument.ty) {
                None
            } else {
                by_type(&argument.pat, &argument.ty)
            };
            by.map(|by| Hidden { by, conditions: conditions(&argument.attrs) })
        }
    });
    arguments.collect()
}

fn by_type(pattern: &Pat, ty: &Type) -> Option<HiddenBy> {
    if mentions_impl(ty) {
        return match pattern {
            Pat::Ident(name) => Some(HiddenBy::Impl { argument: name.ident.clone(), ty: ty.clone() }),
            // Such an argument has no name, and neither has its type.
            _ => None,
        };
    }
    Some(if is_associate(ty) { HiddenBy::Associate(ty.clone()) } else { HiddenBy::Type(ty.clone()) })
}

/// `&mut R::Tx`, `&mut Self::Tx`, `&mut <R as Repo>::Tx`: only the name says that it is a transaction.
fn is_associate(ty: &Type) -> bool {
    let Type::Reference(reference) = peel(ty) else { return false };
    let Type::Path(TypePath { qself, path, .. }) = peel(&reference.elem) else { return false };
    let of_a_type = qself.is_some()
        || path.segments.len() == 2 && path.segments.first().is_some_and(|first| starts_with_capital(&first.ident));
    let is_called_so = |name: &str| {
        ["Tx", "Txn", "Trx", "Transaction", "Uow", "UnitOfWork", "Handle", "Conn", "Connection", "Session"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    reference.mutability.is_some()
        && of_a_type
        && path.segments.last().is_some_and(|last| is_called_so(&last.ident.to_string()))
}

fn starts_with_capital(name: &Ident) -> bool {
    name.to_string().starts_with(|letter: char| letter.is_uppercase())
}

/// Types of the language and of `std` that hold no others, also in `Vec`, `Option` and behind references.
pub(super) fn is_plain(ty: &Type) -> bool {
    const PLAIN: [&str; 18] = [
        "bool", "char", "str", "String", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128",
        "isize", "f32", "f64",
    ];
    match peel(ty) {
        Type::Reference(reference) => is_plain(&reference.elem),
        Type::Slice(slice) => is_plain(&slice.elem),
        Type::Array(array) => is_plain(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().all(is_plain),
        Type::Path(TypePath { qself: None, path, .. }) if path.segments.len() == 1 => {
            path.segments.iter().all(|segment| match &segment.arguments {
                PathArguments::None => PLAIN.iter().any(|plain| segment.ident == plain),
                PathArguments::AngleBracketed(of) => {
                    (segment.ident == "Vec" || segment.ident == "Option")
                        && of.args.iter().all(|of| matches!(of, GenericArgument::Type(ty) if is_plain(ty)))
                }
                PathArguments::Parenthesized(_) => false,
            })
        }
        _ => false,
    }
}
