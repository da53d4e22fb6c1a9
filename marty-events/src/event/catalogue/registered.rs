//! Descriptions that attributes leave at link time.

use std::collections::BTreeSet;

use super::{
    error::CatalogueError,
    model::{Catalogue, Handled, Published},
};

/// A description in the binary. Generated code submits it.
#[derive(Debug)]
#[doc(hidden)]
pub enum Description {
    /// A package publishes an event.
    Publishes(&'static str, fn() -> Published),
    /// A package handles an event.
    Handles(&'static str, fn() -> Handled),
}

inventory::collect!(Description);

/// The events of this binary: those of its own attributes, and those of every crate that is linked into it.
///
/// The service's name is `SERVICE_NAME`, or else the names of the packages with descriptions, joined by `+`.
///
/// # Errors
///
/// [`CatalogueError::Empty`] if there is no description. A crate is linked only if the binary names it: `use the_crate as _;` is enough.
pub fn catalogue() -> Result<Catalogue, CatalogueError> {
    let descriptions: Vec<&Description> = inventory::iter::<Description>.into_iter().collect();
    if descriptions.is_empty() {
        return Err(CatalogueError::Empty);
    }
    let packages: BTreeSet<&str> = descriptions
        .iter()
        .map(|description| match description {
            Description::Publishes(package, _) | Description::Handles(package, _) => *package,
        })
        .collect();
    let packages: Vec<&str> = packages.into_iter().collect();
    let service = std::env::var("SERVICE_NAME").unwrap_or_else(|_| packages.join("+"));
    Ok(descriptions.into_iter().fold(Catalogue::new(service), |catalogue, description| match description {
        Description::Publishes(_, event) => catalogue.publishing(event()),
        Description::Handles(_, event) => catalogue.handling(event()),
    }))
}
