//! The speed of each route, beside the raw parts that it is made of and beside the code that one would write without it. `scripts/load`
//! runs it with the servers that it needs.
//!
//! In every round each case of a route runs once, in an order that turns with the rounds. The report has medians over the rounds, and
//! medians of the ratios within each round.

mod backlog;
mod by_hand;
mod call;
mod direct;
mod drain;
mod enqueue;
mod envelope;
mod handle;
mod idle;
mod open;
mod peers;
mod processor;
mod report;
mod sizes;
mod slot;
mod stage;
mod steady;

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use report::{Report, Sample};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures routes against the PostgreSQL of `DATABASE_URL` and the Kafka of `KAFKA_BROKERS`.
#[derive(Parser)]
struct Arguments {
    /// The routes; all of them unless given.
    routes: Vec<Route>,
    /// The number of rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// The number of events of a case of `direct`, `drain`, `backlog`, `peers`, `relays` and `handle`.
    #[arg(long, default_value_t = 50_000)]
    events: usize,
    /// The seconds that a case of `steady`, `handle-steady`, `handle-poison`, `handle-memory`, `open` and `idle` takes.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// A line of JSON for every case, in place of the tables.
    #[arg(long)]
    json: bool,
    /// Makes this the process of `handle-memory`: the URL of a database, brokers, and a prefix of topics.
    #[arg(long, hide = true, num_args = 3)]
    handles: Vec<String>,
    /// An argument that `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Route {
    /// Direct events, pipelined.
    Direct,
    /// One annotated call after the other on the direct route, each awaited.
    Call,
    /// One event in a transaction with one row of business.
    Enqueue,
    /// Many events in a transaction.
    EnqueueMany,
    /// A backlog, from the table to Kafka.
    Drain,
    /// A backlog drained by a relay in a process of its own beside a transaction that stays open: its memory, and its dead rows.
    Backlog,
    /// The same backlog, and the alternatives of a user to the relay.
    Peers,
    /// Backlogs of several sizes.
    Growth,
    /// A backlog of one ordering key, beside one of many.
    Key,
    /// Backlogs of several sizes, beside alternatives: pace and memory.
    Sizes,
    /// Several relays at one backlog.
    Relays,
    /// From a commit to a consumer, at 1,000 events a second.
    Steady,
    /// The same at several paces, beside an alternative.
    Paces,
    /// A lag in the topic, from there to the effects of handlers, beside the same loop by hand.
    Handle,
    /// From the commit of an event to the commit of its handler, at 1,000 events a second.
    HandleSteady,
    /// The same for the other keys beside one whose handler always fails.
    HandlePoison,
    /// The memory of a process that handles lags of several sizes.
    HandleMemory,
    /// The same pace beside a transaction that stays open.
    Open,
    /// A relay with nothing to do.
    Idle,
}

impl Route {
    fn report(self) -> Report {
        match self {
            Self::Direct => Report::new("direct", "events/s", "raw producer"),
            Self::Call => Report::new("call", "us", "raw send"),
            Self::Enqueue => Report::new("enqueue", "us", "by hand"),
            Self::EnqueueMany => Report::new("enqueue-many", "rows/s", "by hand"),
            Self::Drain => Report::new("drain", "events/s", "claim and delete"),
            Self::Backlog => Report::of_figures("backlog"),
            Self::Peers => Report::new("peers", "events/s", "Debezium's engine, handler that does nothing"),
            Self::Growth => Report::new("growth", "events/s", "10,000"),
            Self::Key => Report::new("key", "events/s", "relay, 10,000 keys"),
            Self::Sizes => Report::of_figures("sizes"),
            Self::Paces => Report::of_figures("paces"),
            Self::Relays => Report::new("relays", "events/s", "1 relay"),
            Self::Steady => Report::new("steady", "ms", "direct producer, p50"),
            Self::Handle => Report::new("handle", "events/s", "by hand"),
            Self::HandleSteady => Report::new("handle-steady", "ms", "commit to commit, p50"),
            Self::HandlePoison => Report::new("handle-poison", "ms", "without poison, p99"),
            Self::HandleMemory => Report::new("handle-memory", "MiB", "100,000"),
            Self::Open => Report::of_figures("open"),
            Self::Idle => Report::of_figures("idle"),
        }
    }

    async fn round(self, turn: usize, arguments: &Arguments) -> Result<Vec<Sample>, Failure> {
        let (events, seconds) = (arguments.events, arguments.seconds);
        match self {
            Self::Direct => direct::round(turn, events).await,
            Self::Call => call::round(2_000).await,
            Self::Enqueue => enqueue::round(turn, 1_500).await,
            Self::EnqueueMany => enqueue::round_of_many(turn, 40).await,
            Self::Drain => drain::round(turn, events).await,
            Self::Backlog => backlog::round(turn, events).await,
            Self::Peers => peers::round(turn, events).await,
            Self::Growth => drain::round_of_sizes(turn).await,
            Self::Key => drain::round_of_one_key(turn, events).await,
            Self::Sizes => sizes::round(turn).await,
            Self::Paces => steady::round_of_paces(turn, seconds).await,
            Self::Relays => drain::round_of_relays(turn, events).await,
            Self::Steady => steady::round(turn, seconds).await,
            Self::Handle => handle::round(turn, events).await,
            Self::HandleSteady => handle::steady::round(seconds).await,
            Self::HandlePoison => handle::steady::round_beside_poison(turn, seconds).await,
            Self::HandleMemory => handle::memory::round(turn, seconds).await,
            Self::Open => steady::round_beside_open_transactions(turn, seconds).await,
            Self::Idle => idle::round(seconds).await,
        }
    }
}

/// The places of `count` cases, in another order each turn.
fn order(count: usize, turn: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |place| (place + turn) % count)
}

fn rate(count: usize, time: std::time::Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / time.as_secs_f64()
}

fn mebibytes(bytes: u64) -> Result<f64, Failure> {
    Ok(f64::from(u32::try_from(bytes >> 10)?) / 1024.0)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    if !arguments.handles.is_empty() {
        return handle::memory::handle(&arguments.handles).await;
    }
    if arguments.bench && std::env::var_os("DATABASE_URL").is_none() {
        println!("needs servers; `scripts/load` brings them");
        return Ok(());
    }
    let routes = if arguments.routes.is_empty() { Route::value_variants() } else { &arguments.routes };
    let bar = ProgressBar::new((routes.len() * arguments.rounds) as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} rounds, {elapsed}, now {msg}")?);
    for route in routes {
        let mut report = route.report();
        for turn in 0..arguments.rounds {
            bar.set_message(report.route);
            report.add(route.round(turn, &arguments).await?);
            bar.inc(1);
        }
        bar.suspend(|| report.print(arguments.json));
    }
    bar.finish_and_clear();
    Ok(())
}
