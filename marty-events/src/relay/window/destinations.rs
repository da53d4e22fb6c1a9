//! The destinations of rows: a topic, or a partition of it once the number of its partitions had to be known.
//!
//! A broker often treats all rows of a topic or partition alike: it does not know the topic, permits nobody to write, or has no leader. So
//! one destination suffers and not thousands of rows. Destinations with something to send take turns.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::kafka::Partitioner;

/// A destination, by its index.
pub(super) type Place = usize;

#[derive(Debug)]
pub(super) struct Destinations {
    /// The number of rows of a lost topic that are tried at a time.
    last_tries: usize,
    list: Vec<Destination>,
    /// The places of partitions.
    places: HashMap<(usize, i32), Place>,
    topics: Vec<Topic>,
    names: HashMap<Arc<str>, usize>,
    /// The topic of the last row: the next one has it as a rule.
    last: usize,
    turns: VecDeque<Place>,
}

#[derive(Debug)]
struct Topic {
    name: Arc<str>,
    /// The place of rows whose partition does not matter, or is not known.
    place: Option<Place>,
    partitions: Option<i32>,
    /// Rows that are here and not delivered.
    here: usize,
    /// The most rows in flight, if the topic refuses everything.
    most: Option<usize>,
    /// It has refused as many rows as one event may be refused.
    is_lost: bool,
}

#[derive(Debug)]
struct Destination {
    topic: usize,
    ready: VecDeque<i64>,
    /// Refused with their batch: to be sent with nothing else under way to the destination.
    alone: VecDeque<i64>,
    /// Rows that are here and not delivered.
    here: usize,
    under_way: usize,
    /// The row in flight must be sent alone.
    is_quiet: bool,
    /// The number of ready rows that go before the next one that must be sent alone: many of those must not keep the others waiting.
    credit: usize,
    /// Rows in flight get no answer.
    hangs: bool,
    has_turn: bool,
}

impl Destinations {
    pub(super) fn new(last_tries: usize) -> Self {
        Self {
            last_tries,
            list: Vec::new(),
            places: HashMap::new(),
            topics: Vec::new(),
            names: HashMap::new(),
            last: 0,
            turns: VecDeque::new(),
        }
    }

    /// The place of a record.
    pub(super) fn place(&mut self, topic: &str, key: Option<&str>, partitioner: Partitioner) -> Place {
        let topic = self.topic_named(topic);
        let partition = self.topics[topic].partitions.and_then(|count| partitioner.partition(key?.as_bytes(), count));
        let known = match partition {
            None => self.topics[topic].place,
            Some(partition) => self.places.get(&(topic, partition)).copied(),
        };
        known.unwrap_or_else(|| self.new_place(topic, partition))
    }

    fn topic_named(&mut self, name: &str) -> usize {
        if self.topics.get(self.last).is_some_and(|topic| *topic.name == *name) {
            return self.last;
        }
        self.last = if let Some(topic) = self.names.get(name) {
            *topic
        } else {
            let name: Arc<str> = name.into();
            self.names.insert(name.clone(), self.topics.len());
            self.topics.push(Topic { name, place: None, partitions: None, here: 0, most: None, is_lost: false });
            self.topics.len() - 1
        };
        self.last
    }

    fn new_place(&mut self, topic: usize, partition: Option<i32>) -> Place {
        let place = self.list.len();
        self.list.push(Destination {
            topic,
            ready: VecDeque::new(),
            alone: VecDeque::new(),
            here: 0,
            under_way: 0,
            is_quiet: false,
            credit: 0,
            hangs: false,
            has_turn: false,
        });
        match partition {
            None => self.topics[topic].place = Some(place),
            Some(partition) => _ = self.places.insert((topic, partition), place),
        }
        place
    }

    pub(super) fn topic(&self, place: Place) -> Arc<str> {
        self.topics[self.list[place].topic].name.clone()
    }

    /// Learns how many partitions a topic has; answers whether that is new.
    pub(super) fn learn(&mut self, topic: &str, partitions: i32) -> bool {
        let Some(topic) = self.names.get(topic) else { return false };
        let known = &mut self.topics[*topic].partitions;
        let is_new = *known != Some(partitions);
        *known = Some(partitions);
        if is_new {
            // The destination of the topic that does not answer is found anew.
            let of_topic = self.list.iter_mut().filter(|destination| destination.topic == *topic);
            of_topic.for_each(|destination| destination.hangs = false);
        }
        is_new
    }

    pub(super) fn is_of(&self, place: Place, topic: &str) -> bool {
        &*self.topics[self.list[place].topic].name == topic
    }

    /// A further row for this place may be here.
    pub(super) fn is_open(&self, place: Place) -> bool {
        self.has_room_for(place, 0)
    }

    /// The same where `planned` rows of the topic are on their way.
    pub(super) fn has_room_for(&self, place: Place, planned: usize) -> bool {
        let destination = &self.list[place];
        let topic = &self.topics[destination.topic];
        !destination.hangs && topic.most.is_none_or(|most| topic.here + planned < most)
    }

    /// The topic of a place, by its index.
    pub(super) fn topic_of(&self, place: Place) -> usize {
        self.list[place].topic
    }

    pub(super) fn came(&mut self, place: Place) {
        let destination = &mut self.list[place];
        destination.here += 1;
        self.topics[destination.topic].here += 1;
    }

    /// Answers whether others may come now, where the topic refuses everything or the destination does not answer: nothing of it is here
    /// any more by which that could be seen.
    pub(super) fn went(&mut self, place: Place) -> bool {
        let destination = &mut self.list[place];
        destination.here -= 1;
        let hung = destination.here == 0 && std::mem::take(&mut destination.hangs);
        let topic = &mut self.topics[destination.topic];
        topic.here -= 1;
        hung || topic.most.is_some() && topic.here == 0
    }

    /// A row for this place that is here may be sent.
    pub(super) fn may_send(&self, place: Place) -> bool {
        let destination = &self.list[place];
        let topic = &self.topics[destination.topic];
        !destination.hangs && topic.most.is_none_or(|most| topic.here <= most)
    }

    /// A row of the topic was refused for the topic's sake: few of its rows are tried at a time from now on. Answers whether that is
    /// new.
    pub(super) fn limit(&mut self, place: Place) -> bool {
        let topic = self.list[place].topic;
        let topic = &mut self.topics[topic];
        let most = if topic.is_lost { self.last_tries } else { 1 };
        topic.most.replace(most) != Some(most)
    }

    /// A row was given up for the topic's sake.
    pub(super) fn is_lost_now(&mut self, place: Place) {
        let topic = self.list[place].topic;
        self.topics[topic].is_lost = true;
        self.topics[topic].most = Some(self.last_tries);
    }

    pub(super) fn is_lost(&self, place: Place) -> bool {
        self.topics[self.list[place].topic].is_lost
    }

    /// Nothing is known against the topic or the partition.
    pub(super) fn goes_well(&self, place: Place) -> bool {
        let destination = &self.list[place];
        !destination.hangs && !destination.is_quiet && self.topics[destination.topic].most.is_none()
    }

    /// A further row is under way, beside the one whose turn it was.
    pub(super) fn goes_along(&mut self, place: Place) {
        self.list[place].under_way += 1;
    }

    /// A row got through: the topic takes rows. Answers whether that is new.
    pub(super) fn takes_rows(&mut self, place: Place) -> bool {
        let topic = &mut self.topics[self.list[place].topic];
        topic.is_lost = false;
        topic.most.take().is_some()
    }

    /// A row got an answer. Answers whether the destination had given none.
    pub(super) fn answers(&mut self, place: Place) -> bool {
        std::mem::take(&mut self.list[place].hangs)
    }

    /// The destination does not answer. Answers whether that is new.
    pub(super) fn hangs(&mut self, place: Place) -> bool {
        !std::mem::replace(&mut self.list[place].hangs, true)
    }

    pub(super) fn suffering(&self) -> usize {
        self.list.iter().filter(|destination| destination.hangs).count()
            + self.topics.iter().filter(|topic| topic.most.is_some()).count()
    }

    /// Puts a row at the end of the queue, or at its head.
    pub(super) fn queue(&mut self, place: Place, seq: i64, is_suspected: bool, is_first: bool) {
        let destination = &mut self.list[place];
        let queue = if is_suspected { &mut destination.alone } else { &mut destination.ready };
        if is_first {
            queue.push_front(seq);
        } else {
            queue.push_back(seq);
        }
        self.give_turn(place);
    }

    /// Takes everything out of a place's queues.
    pub(super) fn empty(&mut self, place: Place) -> Vec<i64> {
        let destination = &mut self.list[place];
        destination.alone.drain(..).chain(destination.ready.drain(..)).collect()
    }

    /// All places of the topic of this one.
    pub(super) fn places_beside(&self, place: Place) -> Vec<Place> {
        let topic = self.list[place].topic;
        (0..self.list.len()).filter(|other| self.list[*other].topic == topic).collect()
    }

    pub(super) fn have_turns(&self) -> bool {
        !self.turns.is_empty()
    }

    /// The next row to send, and its place, where it counts as under way from here on.
    pub(super) fn next(&mut self) -> Option<(Place, i64)> {
        while let Some(place) = self.turns.pop_front() {
            let destination = &mut self.list[place];
            destination.has_turn = false;
            let is_alones_turn =
                !destination.alone.is_empty() && (destination.credit == 0 || destination.ready.is_empty());
            let waits = destination.is_quiet || is_alones_turn && 0 < destination.under_way;
            // It has a turn again when the rows in flight have landed.
            if waits {
                continue;
            }
            let next = if is_alones_turn {
                destination.is_quiet = true;
                destination.credit = destination.ready.len();
                destination.alone.pop_front()
            } else {
                destination.credit = destination.credit.saturating_sub(1);
                destination.ready.pop_front()
            };
            let Some(seq) = next else { continue };
            destination.under_way += 1;
            self.give_turn(place);
            return Some((place, seq));
        }
        None
    }

    /// A row is not under way any more, or is not waited for any more.
    pub(super) fn landed(&mut self, place: Place) {
        let destination = &mut self.list[place];
        destination.under_way -= 1;
        destination.is_quiet = false;
        self.give_turn(place);
    }

    /// Moves a row that is under way from one place to another.
    pub(super) fn moved_under_way(&mut self, from: Place, to: Place) {
        self.list[from].under_way -= 1;
        self.list[from].is_quiet = false;
        self.list[to].under_way += 1;
    }

    /// Moves a row that is here.
    pub(super) fn moved(&mut self, from: Place, to: Place) {
        self.list[from].here -= 1;
        self.list[to].here += 1;
    }

    fn give_turn(&mut self, place: Place) {
        let destination = &mut self.list[place];
        let has_rows = !destination.ready.is_empty() || !destination.alone.is_empty();
        if has_rows && !destination.has_turn {
            destination.has_turn = true;
            self.turns.push_back(place);
        }
    }
}
