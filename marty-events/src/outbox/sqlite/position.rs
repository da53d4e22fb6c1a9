use super::super::queue::Position;

/// The highest number that was read, once a page was: numbers are given in the order of commits, so nothing comes below it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SqlitePosition(Option<i64>);

impl SqlitePosition {
    pub(super) fn cursor(&self) -> i64 {
        self.0.unwrap_or(i64::MIN)
    }

    /// A page was read, up to `last` or without a row.
    pub(super) fn advance(&mut self, last: Option<i64>) {
        self.0 = last.or(Some(self.cursor()));
    }
}

impl Position for SqlitePosition {
    fn resume(_: &[Option<String>]) -> Self {
        Self::default()
    }

    fn mark(&self, _: Option<i64>) -> Option<String> {
        None
    }

    fn low(&self) -> i64 {
        i64::MIN
    }

    fn reached(&self) -> i64 {
        self.cursor()
    }

    fn is_new(&self) -> bool {
        self.0.is_none()
    }
}
