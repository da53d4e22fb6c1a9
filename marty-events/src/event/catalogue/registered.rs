//! Descriptions that attributes leave at link time.

use std::collections::BTreeSet;

use super::{
    error::CatalogueError,
    model::{Catalogue, Handled, Published},
    typed::{TypeDescription, Use},
};

/// A description in the binary. Generated code submits it.
#[derive(Debug)]
#[doc(hidden)]
pub enum Description {
    /// A package publishes an event without a type of its own.
    Publishes(&'static str, fn() -> Published),
    /// A package defines a typed event.
    Defines(&'static str, fn() -> TypeDescription),
    /// A package publishes a typed event by an attribute.
    Uses(&'static str, fn() -> Use),
    /// A package handles an event, which may have several types.
    Handles(&'static str, fn() -> Vec<Handled>),
}

inventory::collect!(Description);

impl Description {
    fn package(&self) -> &'static str {
        match self {
            Self::Publishes(package, _)
            | Self::Handles(package, _)
            | Self::Defines(package, _)
            | Self::Uses(package, _) => package,
        }
    }
}

/// The events of this binary: those of its own attributes and types, and those of every crate that is linked into it.
///
/// The service's name is `SERVICE_NAME`, or else the names of the packages with descriptions, joined by `+`. With `SERVICE_NAME`, typed events of other
/// services are left out: this one cannot publish them.
///
/// # Errors
///
/// [`CatalogueError::Empty`] if there is no description. A crate is linked only if the binary names it: `use the_crate as _;` is enough.
pub fn catalogue() -> Result<Catalogue, CatalogueError> {
    let service = std::env::var("SERVICE_NAME").ok();
    let descriptions = Descriptions::of_binary();
    if descriptions.packages.is_empty() {
        return Err(CatalogueError::Empty);
    }
    let published = descriptions.published(service.as_deref(), TypeDescription::published);
    let packages: Vec<&str> = descriptions.packages.into_iter().collect();
    let catalogue = Catalogue::new(service.unwrap_or_else(|| packages.join("+")));
    let catalogue = published.into_iter().fold(catalogue, Catalogue::publishing);
    Ok(descriptions.handled.into_iter().fold(catalogue, Catalogue::handling))
}

/// The domain events that attributes of this binary publish without a transaction, as `aggregate.type`, sorted.
#[cfg(feature = "_publisher")]
pub(crate) fn direct_domain_events(service: &str) -> Vec<String> {
    let published = Descriptions::of_binary().published(Some(service), TypeDescription::outlined);
    let direct = published.into_iter().filter(|event| event.kind == "domain" && event.route == "direct");
    let name = |event: Published| event.topic.split_once('.').map_or(event.event_type, |(_, name)| name.to_owned());
    direct.map(name).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The descriptions, by their form.
#[derive(Default)]
struct Descriptions {
    packages: BTreeSet<&'static str>,
    published: Vec<Published>,
    handled: Vec<Handled>,
    /// Each with its package.
    types: Vec<(&'static str, TypeDescription)>,
    uses: Vec<(&'static str, Use)>,
}

impl Descriptions {
    fn of_binary() -> Self {
        let mut all = Self::default();
        for description in inventory::iter::<Description> {
            match *description {
                Description::Publishes(_, event) => all.published.push(event()),
                Description::Handles(_, events) => all.handled.extend(events()),
                Description::Defines(package, event) => all.types.push((package, event())),
                Description::Uses(package, event) => all.uses.push((package, event())),
            }
            all.packages.insert(description.package());
        }
        all
    }

    /// Untyped and typed events, not merged.
    fn published(
        &self,
        service: Option<&str>,
        of_type: fn(&TypeDescription, &[&Use]) -> Vec<Published>,
    ) -> Vec<Published> {
        let mut published = self.published.clone();
        for (index, (_, description)) in self.types.iter().enumerate() {
            if service.is_some_and(|service| description.is_of_another_service(service)) {
                continue;
            }
            let uses = self.uses.iter().filter(|(package, of)| of.target(package, &self.types) == Some(index));
            let uses: Vec<&Use> = uses.map(|(_, of)| of).collect();
            // An older version that a reader converts is kept to be read.
            if uses.is_empty() && self.types.iter().any(|(_, newer)| newer.converts(description)) {
                continue;
            }
            published.extend(of_type(description, &uses));
        }
        published
    }
}
