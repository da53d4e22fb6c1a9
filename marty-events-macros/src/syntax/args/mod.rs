//! The arguments of the attributes: `key = value`, `key(..)`.

mod fields;
pub(crate) mod keys;
mod read;
mod slips;
mod typed;
mod words;
mod written;

use proc_macro2::{Span, TokenStream};
use syn::{Expr, Ident, LitStr, Path};

use super::{kind::Kind, mistakes::Mistakes};

pub(crate) use slips::skip;
pub(crate) use words::{choice, literal, text};

/// The arguments of one attribute, each as it was written.
pub(crate) struct Args {
    pub(crate) kind: Kind,
    /// The span of the attribute, for mistakes that have no token of their own.
    pub(crate) span: Span,
    /// An event in first place, of a type of its own.
    pub(crate) typed: Option<Expr>,
    /// Keys that take an expression: `event_type`, `action`, `resource_type`, ...
    values: Vec<(Ident, Expr)>,
    pub(crate) id: Option<IdField>,
    pub(crate) data: Option<Data>,
    pub(crate) tags: Vec<Expr>,
    pub(crate) delivery: Option<(Delivery, Span)>,
    pub(crate) transaction: Option<Expr>,
    pub(crate) on_publish_error: Option<(OnPublishError, Span)>,
    pub(crate) on: Option<(On, Span)>,
    pub(crate) krate: Option<Path>,
}

impl Args {
    pub(crate) fn parse(kind: Kind, span: Span, tokens: TokenStream, mistakes: &mut Mistakes) -> Option<Self> {
        read::args(kind, span, tokens, mistakes)
    }

    pub(crate) fn on(&self) -> On {
        self.on.map_or(On::Success, |(on, _)| on)
    }

    pub(crate) fn is(&self, delivery: Delivery) -> bool {
        matches!(self.delivery, Some((given, _)) if given == delivery)
    }

    pub(crate) fn key(&self, key: &str) -> Option<&Ident> {
        self.values.iter().find(|(name, _)| name == key).map(|(name, _)| name)
    }

    pub(crate) fn value(&self, key: &str) -> Option<&Expr> {
        self.values.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

/// `"user_id"`, `"request.user.id"`, `"result.id"`; or the word `none`.
pub(crate) enum IdField {
    Path(LitStr),
    None,
}

pub(crate) enum Data {
    /// `data(name = expr, name)`
    Fields(Vec<(Ident, Expr)>),
    /// `data = expr`
    Whole(Expr),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Outbox,
    Direct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnPublishError {
    Log,
    Fail,
}

/// The outcomes that an attribute records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Success,
    Failure,
    Both,
}

impl On {
    pub(crate) fn success(self) -> bool {
        self != Self::Failure
    }

    pub(crate) fn failure(self) -> bool {
        self != Self::Success
    }
}
