//! `--explain`: each check, the reason for it, and the way out of its failures.

use std::fmt;

use serde::Serialize;

/// The width of the texts, with their margin.
const WIDTH: usize = 100;

#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Explanation {
    #[serde(skip)]
    pub(super) name: &'static str,
    /// The reason why the check matters.
    pub(super) why: &'static str,
    /// The steps for every failure and warning of this check.
    pub(super) what_to_do: &'static str,
}

/// One for each check, in the order in which they run, and for those that are listed with a finding alone.
pub(super) const EXPLANATIONS: [Explanation; 22] = [
    Explanation {
        name: "configuration",
        why: "Services and relays read these variables at their start. One faulty variable stops the start, so every fault is listed here.",
        what_to_do: "Correct the listed variables at the place where the process gets its environment. Run this command with the \
                     same environment: another shell may have other values.",
    },
    Explanation {
        name: "variables",
        why: "A variable with a misspelt name is not read, so its default holds and nothing says so.",
        what_to_do: "Name the variable as the message proposes. A variable of another program that only looks alike can stay.",
    },
    Explanation {
        name: "database",
        why: "Events are rows of this database until the broker has them. Without it a service writes no event, and a relay reads none.",
        what_to_do: "Try the same address from this machine by the database's own client. Then look at the server, the firewall, the \
                     password and TLS. A relay that runs connects again by itself, and committed events wait.",
    },
    Explanation {
        name: "tables",
        why: "Every event is a row of the outbox table. Relays keep their lanes and positions in the tables beside it.",
        what_to_do: "Run `marty-events migrate` as the tables' owner, with the same database and the same --table. It adds to the \
                     tables, and waiting events stay. If the table should be there, compare database, schema and --table with the \
                     service's.",
    },
    Explanation {
        name: "privileges",
        why: "A relay reads, changes and deletes rows of all the outbox's tables. A missing right shows only when its statement runs, \
              which may be at the first dead letter.",
        what_to_do: "Let the tables' owner run the printed GRANT. The page on security lists the rights of services and of relays apart.",
    },
    Explanation {
        name: "numbers",
        why: "A relay delivers in the order of the rows' numbers. A sequence with CACHE gives each connection a batch of numbers, so a \
              later event can have a lower number.",
        what_to_do: "Let the tables' owner run the printed ALTER SEQUENCE. Connections that are open keep their batch, so restart the \
                     services afterwards.",
    },
    Explanation {
        name: "settings",
        why: "Some settings of a server take back a promise of the outbox, such as order, or that a committed event survives a crash.",
        what_to_do: "Change the setting at the server. The page on databases has each setting, its effect, and cases in which it may stay.",
    },
    Explanation {
        name: "clock",
        why: "Events carry the time of their service, rows and leases the database's. If the clocks differ, ages and times mislead \
              readers. No event is lost by it.",
        what_to_do: "Let both machines follow one time server (chrony, or systemd-timesyncd). Run the check again after a minute.",
    },
    Explanation {
        name: "relay",
        why: "Only a relay carries committed events to Kafka. Without one they wait in the outbox: none is lost, and none arrives.",
        what_to_do: "Start `marty-events relay`, or an OutboxRelay in a service. If one should run, its log names the reason for its end. \
                     It must use this database and this table. Two versions side by side are normal while a release is rolled out.",
    },
    Explanation {
        name: "lanes",
        why: "The outbox has 16 lanes, and an ordering key belongs to one of them. Events of a lane without an owner wait, and the others \
              go on.",
        what_to_do: "A lane is free for a moment while a relay comes or goes, so look again after 4 seconds. If it stays free, \
                     `marty-events status` shows the relays, and their logs the reason. A relay that cannot reach its broker takes no \
                     lanes.",
    },
    Explanation {
        name: "backlog",
        why: "The age of the oldest event is the delay of your consumers. Many young events are load. One old event is a fault, or a key \
              that waits for a refused event.",
        what_to_do: "First cure the checks of relay, lanes and broker. Then `marty-events tail --outbox --from beginning` shows the \
                     oldest events, and the console the reason why each key waits. If the delay is normal here, raise --max-age.",
    },
    Explanation {
        name: "dead-letters",
        why: "The broker refused these events for good, so no consumer has them. Later events of the same keys have gone on without them.",
        what_to_do: "Read the reasons with `marty-events dead-letters list`, and cure the cause, such as a size limit or a missing topic. \
                     Then `marty-events dead-letters requeue` puts the events back at the end. Discard only those that nobody misses.",
    },
    Explanation {
        name: "broker",
        why: "Events wait in the outbox while no broker answers. An outage costs no attempt, so no event becomes a dead letter by it.",
        what_to_do: "Try the address of KAFKA_BROKERS from this machine. Then compare KAFKA_SECURITY_PROTOCOL, certificates and \
                     credentials with the listener's. A relay that runs goes on by itself when the broker is back.",
    },
    Explanation {
        name: "advertised-addresses",
        why: "A client asks KAFKA_BROKERS once, and then connects to the addresses that the brokers advertise. If these cannot be \
              reached, the first connection works and nothing is delivered.",
        what_to_do: "Set the brokers' advertised.listeners to names and ports that this machine can reach. Containers and port \
                     forwarding are the usual cause: a broker that advertises localhost serves its own machine alone.",
    },
    Explanation {
        name: "prefix",
        why: "Services write to topics that begin with EVENT_TOPIC_PREFIX. With another prefix here, this command looks at topics that \
              nobody uses.",
        what_to_do: "Give this command the services' own EVENT_TOPIC_PREFIX. Waiting events keep the topics that they were written for.",
    },
    Explanation {
        name: "topics",
        why: "The relay makes no topics. If the brokers make none either, they refuse the events of a missing topic. After some attempts \
              these events are dead letters.",
        what_to_do: "Run `marty-events topics plan FILE` to see the missing topics, and `marty-events topics apply FILE` to create them. \
                     FILE is the service's file of events, or a file of topics. For hidden topics, let the ACLs allow DESCRIBE and WRITE.",
    },
    Explanation {
        name: "message-size",
        why: "The broker refuses a record above its own limit, and the event becomes a dead letter. With a lower limit in the producer \
              the service gets the error while it can still react.",
        what_to_do: "Let the producer's limit be the lowest: raise max.message.bytes of the topic and message.max.bytes of the broker, or \
                     lower KAFKA_PRODUCER_MESSAGE_MAX_BYTES.",
    },
    Explanation {
        name: "inbox",
        why: "Each event that a group has handled is a row of the inbox, and so is each event that waits. Without the tables a consumer does \
              not start.",
        what_to_do: "Let the service call `marty_events::inbox::migrate` at its start, or apply the shipped SQL. If the table has another \
                     name, give it by --inbox-table. A consumer needs all four rights on both tables.",
    },
    Explanation {
        name: "inbox-retention",
        why: "An event that comes again is dropped for as long as the inbox remembers it. If the topic keeps its record for longer, a group \
              that is reset has the effect twice.",
        what_to_do: "Let the ACLs allow the consumer's user DESCRIBE_CONFIGS on the topics: then it remembers for as long as they keep \
                     records. Otherwise set inbox_retention to the time that is named here. With --inbox-retention this check compares the \
                     consumers' setting.",
    },
    Explanation {
        name: "group-offsets",
        why: "A topic deletes its old records whether or not a group has handled them. If the group was too slow, these events are lost for it.",
        what_to_do: "Lengthen the topic's retention.ms, so that it does not happen again. Then find out why the group lags: its logs, \
                     `marty-events status --group` and the metrics have the reasons. The lost events have to come from their publisher.",
    },
    Explanation {
        name: "group-members",
        why: "Only a running consumer of the group handles its events. Without one they wait in the topic, and in time the topic deletes them.",
        what_to_do: "Start the service whose consumer has this group; its log names the reason for its end. A group that nobody needs any \
                     more can be deleted at the brokers.",
    },
    Explanation {
        name: "direct-events",
        why: "An event without a transaction may be published for a change that is rolled back, or be lost with the process. This command \
              knows such events from the service's file (--catalogue) alone.",
        what_to_do: "Give the method a transaction, for example `tx: &mut Transaction<'_, Postgres>`. Where the event is meant to go at once, \
                     nothing is to be done.",
    },
];

impl Explanation {
    /// The explanation of a check.
    pub(super) fn of(name: &str) -> Option<&'static Self> {
        EXPLANATIONS.iter().find(|explanation| explanation.name == name)
    }

    /// The names of the checks, for the command line.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        EXPLANATIONS.iter().map(|explanation| explanation.name)
    }
}

/// The answer to `--explain CHECK`, which asks no server.
#[derive(Debug, Serialize)]
pub(super) struct Alone {
    name: &'static str,
    #[serde(flatten)]
    explanation: &'static Explanation,
}

impl From<&'static Explanation> for Alone {
    fn from(explanation: &'static Explanation) -> Self {
        Self { name: explanation.name, explanation }
    }
}

impl fmt::Display for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        paragraph(f, 2, "why it matters", self.explanation.why)?;
        paragraph(f, 2, "what to do", self.explanation.what_to_do)
    }
}

/// A text behind its title, broken between words, with a margin of `margin` blanks.
pub(super) fn paragraph(f: &mut fmt::Formatter<'_>, margin: usize, title: &str, text: &str) -> fmt::Result {
    write!(f, "{:margin$}{title}:", "")?;
    let mut column = margin + title.len() + 1;
    for word in text.split_whitespace() {
        let width = word.chars().count();
        if WIDTH < column + 1 + width {
            write!(f, "\n{:1$}{word}", "", margin + 2)?;
            column = margin + 2 + width;
        } else {
            write!(f, " {word}")?;
            column += 1 + width;
        }
    }
    writeln!(f)
}
