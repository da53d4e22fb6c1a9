//! Segments of a path in quotes: `id`, `0`, `type`, `id()`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Index;

use super::identifier::identifier;

/// `id`, `0`, `type`, `id()`
pub(crate) fn member(segment: &str, span: Span) -> Option<TokenStream> {
    if !segment.is_empty() && segment.bytes().all(|letter| letter.is_ascii_digit()) {
        let index = segment.parse().ok()?;
        return Some(Index { index, span }.into_token_stream());
    }
    let (name, is_call) = match segment.strip_suffix(')').and_then(|open| open.trim_end().strip_suffix('(')) {
        Some(name) => (name.trim_end(), true),
        None => (segment, false),
    };
    let mut name = identifier(name)?;
    name.set_span(span);
    Some(if is_call { quote_spanned!(span=> #name()) } else { name.into_token_stream() })
}
