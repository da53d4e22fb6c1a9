//! Processor time (Linux, `proc_pid_stat(5)`; a tick is 10 ms).

use std::fs;

use sqlx::PgPool;

/// Seconds of this process.
pub(crate) fn own() -> f64 {
    Stat::of("self").map_or(0.0, |stat| stat.own)
}

/// Seconds of this process, of its children that have ended, and of the PostgreSQL server.
pub(crate) async fn with_server(pool: &PgPool) -> Result<f64, sqlx::Error> {
    let own = Stat::of("self").map_or(0.0, |stat| stat.own + stat.children);
    Ok(own + server(pool).await?)
}

/// Seconds of a PostgreSQL server and of all its processes, those that have ended too. Zero where the server is on another machine.
async fn server(pool: &PgPool) -> Result<f64, sqlx::Error> {
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(pool).await?;
    let Some(postmaster) = Stat::of(&backend.to_string()).map(|stat| stat.parent) else { return Ok(0.0) };
    let living = fs::read_dir("/proc").into_iter().flatten().flatten();
    let living = living.filter_map(|process| Stat::of(process.file_name().to_str()?));
    let living: f64 = living.filter(|stat| stat.parent == postmaster).map(|stat| stat.own).sum();
    Ok(living + Stat::of(&postmaster).map_or(0.0, |stat| stat.own + stat.children))
}

struct Stat {
    parent: String,
    own: f64,
    children: f64,
}

impl Stat {
    fn of(process: &str) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name before it is in parentheses, and may have blanks.
        let fields: Vec<&str> = stat.rsplit(") ").next()?.split_whitespace().collect();
        let seconds = |from: usize| {
            fields[from..from + 2].iter().filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
        };
        (15 <= fields.len()).then(|| Self { parent: fields[1].to_owned(), own: seconds(11), children: seconds(13) })
    }
}
