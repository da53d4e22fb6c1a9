//! The attributes, documented.

/// Records who did what to which resource, after the method succeeded, on `{prefix}.audit.events`.
///
/// ```
/// use marty_events::{AuditEventType, audit_event};
///
/// struct Plan;
///
/// #[audit_event(
///     event_type = AuditEventType::DataUpdated,
///     action = "change_plan",
///     resource_type = "user",
///     resource_id_field = "user_id",
///     data(from = old, to = new),
///     compliance_tags("gdpr"),
///     risk_level = "medium",
///     priority = "high"
/// )]
/// async fn change_plan(user_id: u64, old: &str, new: &str) -> Result<(), std::io::Error> {
///     Ok(())
/// }
/// ```
///
/// # Keys
///
/// - `event_type`, required: an [`AuditEventType`](crate::AuditEventType).
/// - `action`, `resource_type`, required: texts, or constants.
/// - `resource_id_field`, required: the argument that holds the resource's id (see below), or `none` for an action that
///   has no resource.
/// - `data(..)`: goes to `operation_details`.
/// - `compliance_tags("gdpr", ..)`; `risk_level`: `"low"`, `"medium"`, `"high"` or `"critical"`.
///
/// Every event attribute takes these too:
///
/// - **The id** names an argument (also one bound inside a pattern), a path into one (`"request.user.id"`), into the
///   receiver (`"self.tenant_id"`) or into the value in `Ok` (`"result.id"`). It is taken before the body can move or
///   change the argument, and can be anything with `Display`. An empty text is an error when the event is published.
/// - `data(name = expr, name)` builds an object, `data = expr` takes one `Serialize` value. Nothing of the arguments is
///   published unless it is named. An expression that names `result` is evaluated after the body, every other one before
///   it, by reference.
/// - `priority`: `"low"`, `"normal"`, `"high"` or `"critical"`.
/// - `transaction = self.tx`: the transaction handle, where it is not an argument that is found by its type.
/// - `delivery = "outbox"` makes a missing handle a compile error; `delivery = "direct"` states that none is wanted.
/// - `on_publish_error = "log"` (the default of the direct road) or `"fail"`: the method returns the error, although its
///   work is done, so that a caller who tries again does it twice. With a transaction the method always fails.
/// - `on = "success"` (default), `"failure"` or `"both"` (not on a notification): with failure on, an `Err`, a panic and a
///   future dropped half-way are recorded, with `outcome` `failure`, `panicked` or `cancelled`; a domain event's type is
///   `{event_type}_failed` then. The record is handed over without waiting, apart from the caller's transaction, so that
///   it survives the rollback. `error = "omit"` or `error = expr` in place of the error's `Display`; `error_code = expr` on
///   an audit event. An expression that names `error` is evaluated when the method fails.
/// - `crate = ::path`: where generated code finds this crate, for those who re-export it.
///
/// Several attributes on one method cost one round trip to the database together.
///
/// ```
/// use marty_events::{AuditEventType, audit_event};
///
/// #[audit_event(
///     event_type = AuditEventType::UserLogin,
///     action = "login",
///     resource_type = "account",
///     resource_id_field = "account",
///     on = "both",
///     error = "omit"
/// )]
/// async fn login(account: &str, password: &str) -> Result<(), std::io::Error> {
///     Ok(())
/// }
/// ```
///
/// A misspelt id is refused, with the arguments that there are:
///
/// ```compile_fail
/// # use marty_events::{AuditEventType, audit_event};
/// #[audit_event(event_type = AuditEventType::DataCreated, action = "create", resource_type = "user",
///               resource_id_field = "user_idd")]
/// async fn create(user_id: u64) {}
/// ```
pub use marty_events_macros::audit_event;

/// Publishes what fits none of the kinds, after the method succeeded, on `{prefix}.{topic}`.
///
/// ```
/// use marty_events::custom_event;
///
/// #[custom_event(topic = "billing.ledger", event_type = "entry_posted", key_field = "account", data(cents))]
/// async fn post(account: &str, cents: i64) {}
/// ```
///
/// # Keys
///
/// `topic` and `event_type` are required; `key_field` names the argument that is the record's key; the data is the
/// payload. The other keys are those of [`audit_event`].
pub use marty_events_macros::custom_event;

/// Publishes what happened to an aggregate, after the method succeeded, on `{prefix}.{service}.{aggregate}.{event_type}`.
///
/// With a transaction among the arguments, the event is part of it:
///
/// ```
/// use marty_events::{EventError, domain_event};
/// use sqlx::{Postgres, Transaction};
///
/// #[derive(Debug, thiserror::Error)]
/// enum AppError {
///     #[error(transparent)]
///     Database(#[from] sqlx::Error),
///     #[error(transparent)]
///     Event(#[from] EventError),
/// }
///
/// #[domain_event(
///     aggregate_type = "user",
///     event_type = "user_renamed",
///     aggregate_id_field = "user_id",
///     data(name),
///     event_version = 2,
///     ordering = "key"
/// )]
/// async fn rename(tx: &mut Transaction<'_, Postgres>, user_id: i64, name: &str) -> Result<(), AppError> {
///     sqlx::query("UPDATE users SET name = $2 WHERE id = $1").bind(user_id).bind(name).execute(&mut **tx).await?;
///     Ok(())
/// }
/// ```
///
/// # Keys
///
/// - `aggregate_type`, `event_type`, required: parts of the topic's name, so letters, digits, `.`, `_` and `-`.
/// - `aggregate_id_field`, required: the argument that holds the aggregate's id.
/// - `event_version`: 1 unless set.
/// - `ordering`: `"key"` (default) keeps the order of the aggregate's events, `"none"` promises nothing.
///
/// The other keys are those of [`audit_event`].
///
/// # Cancellation
///
/// A future that is dropped before its body succeeded publishes nothing. One that is dropped during the insert leaves the
/// transaction with the event or without it: the caller must roll back, as it does by dropping the transaction.
///
/// A transaction that is taken by value is refused: nothing would be left to write the event in.
///
/// ```compile_fail
/// # use marty_events::{EventError, domain_event};
/// #[domain_event(aggregate_type = "user", event_type = "created", aggregate_id_field = "id")]
/// async fn create(id: i64, tx: sqlx::Transaction<'_, sqlx::Postgres>) -> Result<(), EventError> {
///     Ok(())
/// }
/// ```
pub use marty_events_macros::domain_event;

/// Tells somebody something, after the method succeeded, on `{prefix}.notification.events`.
///
/// ```
/// use marty_events::{NotificationEventType, notification_event};
///
/// #[notification_event(
///     event_type = NotificationEventType::UserWelcome,
///     recipient_type = "user",
///     recipient_id_field = "user_id",
///     subject = "Welcome, {name}!",
///     message = "Account created"
/// )]
/// async fn welcome(user_id: u64, name: &str) {}
/// ```
///
/// # Keys
///
/// `event_type`, `recipient_type`, `recipient_id_field`, `subject` and `message` are required. The two texts may name
/// arguments as `format!` does; they are made before the body. Data goes to `template_variables`. The other keys are those
/// of [`audit_event`].
pub use marty_events_macros::notification_event;
