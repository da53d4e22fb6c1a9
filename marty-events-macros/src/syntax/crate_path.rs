//! Where generated code finds the library: `::marty_events`, or what `crate = path` says.

use quote::quote;
use syn::Path;

/// An error for a path that would mean something else at another place.
pub(crate) fn check(path: &Path) -> syn::Result<()> {
    let first = path.segments.first().map(|segment| segment.ident.to_string());
    let is_absolute = path.leading_colon.is_some() || matches!(first.as_deref(), Some("crate" | "$crate"));
    if is_absolute {
        return Ok(());
    }
    let text = quote!(#path).to_string().replace(' ', "");
    Err(syn::Error::new_spanned(path, format!("`{text}` is no absolute path; write `::{text}` or `crate::{text}`")))
}
