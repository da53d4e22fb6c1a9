//! Types at run time, told by their names, for signatures that do not show them.
//!
//! The attribute sees neither the bounds nor the types behind an alias, a parameter of the `impl` block or an
//! associated type. At run time their names are those of the types themselves.

/// The name of `T`, if it is a transaction or connection, or holds one.
pub fn hidden_handle<T: ?Sized>() -> Option<&'static str> {
    let name = std::any::type_name::<T>();
    holds(name, &is_handle).then_some(name)
}

/// [`hidden_handle`] for a type that cannot be named. It is asked before the body takes the value.
pub fn hidden_in<T: ?Sized>(_: &T) -> fn() -> Option<&'static str> {
    hidden_handle::<T>
}

/// The name of `T`, if it is a type of a library or a service. It is asked for an associated type with the name of a
/// transaction.
pub fn hidden_associate<T: ?Sized>() -> Option<&'static str> {
    let name = std::any::type_name::<T>();
    let own = name.trim_start_matches("&mut ");
    let is_of_std = !own.contains("::") || ["alloc::", "core::", "std::"].iter().any(|of| own.starts_with(of));
    (!is_of_std || holds(name, &is_handle)).then_some(name)
}

/// The name of the receiver's type, if a database library's transaction is among its parameters.
///
/// Other types with the name of a transaction may be the service's own: a ledger's `Repository<Transaction>`.
pub fn hidden_in_receiver<T: ?Sized>() -> Option<&'static str> {
    let name = std::any::type_name::<T>();
    let of_a_library = |path: &str| LIBRARIES.iter().any(|library| path.starts_with(library)) && is_handle(path);
    holds(name, &of_a_library).then_some(name)
}

/// Endings of the names of handles, in any library.
const HANDLES: [&str; 11] = [
    "Transaction",
    "PgConnection",
    "MySqlConnection",
    "MysqlConnection",
    "SqliteConnection",
    "AnyConnection",
    "PoolConnection",
    "DatabaseExecutor",
    "TxExecutor",
    "ClientSession",
    "Savepoint",
];

/// Beginnings of the paths of database libraries.
const LIBRARIES: [&str; 8] = [
    "sqlx_",
    "sea_orm::",
    "tokio_postgres::",
    "deadpool_postgres::",
    "diesel",
    "mysql_async::",
    "rusqlite::",
    "mongodb::",
];

fn is_handle(path: &str) -> bool {
    HANDLES.iter().any(|end| path.ends_with(end))
}

fn holds(name: &str, is_handle: &dyn Fn(&str) -> bool) -> bool {
    // Most names need no scan.
    HANDLES.iter().any(|end| name.contains(end)) && Scan { rest: name, is_handle }.list()
}

/// Reads the name of a type from left to right.
struct Scan<'n> {
    rest: &'n str,
    is_handle: &'n dyn Fn(&str) -> bool,
}

impl Scan<'_> {
    /// True if a handle is found before the open bracket closes.
    fn list(&mut self) -> bool {
        let mut found = false;
        // Parameters and results of a callback are not held by the argument.
        let mut is_callback = false;
        loop {
            let length = self.rest.find(|letter| !is_of_path(letter)).unwrap_or(self.rest.len());
            let (path, rest) = self.rest.split_at(length);
            let mut letters = rest.chars();
            let next = letters.next();
            self.rest = letters.as_str();
            let last = path.rsplit("::").next().unwrap_or_default();
            found |= !is_callback && (self.is_handle)(path);
            match next {
                Some('<' | '(' | '[') => {
                    is_callback |=
                        next == Some('(') && (last == "fn" || last.trim_start_matches("Async").starts_with("Fn"));
                    let inner = self.list();
                    // `function<T>::{{closure}}` holds no `T`, and connections that a pool gives out are not the
                    // method's.
                    let is_apart = self.rest.starts_with("::") || last.ends_with("Pool") || last == "PhantomData";
                    found |= inner && !is_callback && !is_apart;
                }
                Some('-') => self.rest = self.rest.strip_prefix('>').unwrap_or(self.rest),
                Some(',') => is_callback = false,
                Some('>' | ')' | ']') | None => return found,
                Some(_) => {}
            }
        }
    }
}

fn is_of_path(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | ':' | '{' | '}' | '#')
}

#[cfg(test)]
mod tests {
    use std::{
        marker::PhantomData,
        sync::{Arc, Mutex, MutexGuard},
    };

    use super::{hidden_associate, hidden_handle, hidden_in, hidden_in_receiver};

    /// Stand-ins: only the names matter.
    mod sea_orm {
        pub(super) struct DatabaseTransaction;
        pub(super) struct DatabaseConnection;
    }
    mod diesel_async {
        pub(super) struct AsyncPgConnection;
        pub(super) struct Pool<C>(pub(super) C);
        pub(super) struct Object<C>(pub(super) C);
    }
    mod bank {
        pub(super) struct BankTransaction;
        pub(super) struct Repository<T>(pub(super) T);
    }
    use diesel_async::{AsyncPgConnection, Object, Pool};

    type Callback = Box<dyn FnOnce(&mut sea_orm::DatabaseTransaction, u8) -> sea_orm::DatabaseTransaction + Send>;

    #[test]
    fn a_handle_is_known_wherever_it_stands() {
        assert!(hidden_handle::<sea_orm::DatabaseTransaction>().is_some());
        assert!(hidden_handle::<&sea_orm::DatabaseTransaction>().is_some());
        assert!(hidden_handle::<Option<&mut sea_orm::DatabaseTransaction>>().is_some());
        assert!(hidden_handle::<(u8, &mut sea_orm::DatabaseTransaction)>().is_some());
        assert!(hidden_handle::<[sea_orm::DatabaseTransaction; 2]>().is_some());
        assert!(hidden_handle::<Arc<Mutex<AsyncPgConnection>>>().is_some());
        assert!(hidden_handle::<MutexGuard<'_, AsyncPgConnection>>().is_some());
        assert!(hidden_handle::<&mut Object<AsyncPgConnection>>().is_some());
        assert!(hidden_handle::<(Callback, sea_orm::DatabaseTransaction)>().is_some());
    }

    #[test]
    fn what_holds_no_handle_is_passed() {
        assert!(hidden_handle::<String>().is_none());
        assert!(hidden_handle::<&sea_orm::DatabaseConnection>().is_none());
        assert!(hidden_handle::<Arc<Pool<AsyncPgConnection>>>().is_none());
        assert!(hidden_handle::<PhantomData<AsyncPgConnection>>().is_none());
        assert!(hidden_handle::<Callback>().is_none());
        assert!(hidden_handle::<fn(&mut AsyncPgConnection) -> AsyncPgConnection>().is_none());
        assert!(hidden_handle::<&dyn Fn(&mut AsyncPgConnection)>().is_none());
        assert!(closure_of::<AsyncPgConnection>().is_none());
    }

    fn closure_of<T>() -> Option<&'static str> {
        hidden_in(&|| size_of::<T>())()
    }

    #[test]
    fn an_associated_type_that_is_called_after_a_transaction_is_doubted_wherever_it_is_from() {
        assert!(hidden_associate::<&mut bank::Repository<u8>>().is_some());
        assert!(hidden_associate::<&mut Vec<u8>>().is_none());
        assert!(hidden_associate::<&mut ()>().is_none());
    }

    #[test]
    fn a_receivers_own_words_are_no_librarys() {
        assert!(hidden_in_receiver::<bank::BankTransaction>().is_none());
        assert!(hidden_in_receiver::<bank::Repository<bank::BankTransaction>>().is_none());
    }

    #[test]
    #[cfg(feature = "postgres")]
    fn a_handle_of_sqlx_is_known_by_its_types_name() {
        use sqlx::{PgConnection, PgPool, Postgres, Transaction, pool::PoolConnection};

        assert!(hidden_handle::<Transaction<'_, Postgres>>().is_some());
        assert!(hidden_handle::<&mut Transaction<'_, Postgres>>().is_some());
        assert!(hidden_handle::<Option<&mut PgConnection>>().is_some());
        assert!(hidden_handle::<&mut PgConnection>().is_some());
        assert!(hidden_handle::<PoolConnection<Postgres>>().is_some());
        assert!(hidden_handle::<PgPool>().is_none());
        assert!(hidden_handle::<&PgPool>().is_none());
        assert!(hidden_in_receiver::<bank::Repository<Transaction<'_, Postgres>>>().is_some());
        assert!(hidden_in_receiver::<bank::Repository<PgPool>>().is_none());
    }

    #[test]
    #[cfg(feature = "sqlite")]
    fn a_handle_of_sqlite_is_known_too() {
        assert!(hidden_handle::<&mut sqlx::SqliteConnection>().is_some());
    }
}
