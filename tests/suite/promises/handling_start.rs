//! The first record of a group that begins with the next one that is written.

use std::time::Duration;

use marty_events::{CancellationToken, ConsumerState, GroupProtocol, StartAt};
use marty_events_tests::{effects::Effects, wait};
use sqlx::Postgres;

use crate::support::handling::{RunningConsumer, Topic};

/// The first consumer of the group handles nothing: no record comes while it runs.
async fn records_between_two_starts_are_handled(test: &str, protocol: GroupProtocol) {
    let Some(topic) = Topic::<Postgres>::start(test, 2).await else { return };
    let keys = ["k-0", "k-1", "k-2", "k-3"];
    let consumer = || {
        let consumer = topic.consumer(Effects::taking("one", Duration::ZERO));
        consumer.group_protocol(protocol).start_at(StartAt::Latest)
    };
    topic.publish(&keys, 0..3).await;
    let first = consumer().build().expect("a consumer");
    let (health, stop) = (first.health(), CancellationToken::new());
    let first = tokio::spawn(first.run(stop.clone()));
    wait::until("its partitions", || async {
        (health.state() == ConsumerState::Working { partitions: 2 }).then_some(())
    })
    .await;
    stop.cancel();
    first.await.expect("it does not panic").expect("it ends in good order");

    topic.publish(&keys, 3..5).await;
    let second = RunningConsumer::start(consumer());
    topic.publish(&keys, 5..6).await;
    topic.until_effects(4 * 3).await;
    second.stop().await;
    // A group that has offsets goes on at them.
    topic.publish(&keys, 6..7).await;
    let third = RunningConsumer::start(consumer());
    topic.until_effects(4 * 4).await;
    third.stop().await;
    topic.assert_once_in_order(&keys, 3..7).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_classic_group_that_begins_at_the_end_goes_on_there_at_its_next_start() {
    let test = "a_classic_group_that_begins_at_the_end_goes_on_there_at_its_next_start";
    records_between_two_starts_are_handled(test, GroupProtocol::Classic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_the_broker_balances_goes_on_at_the_end_where_it_began() {
    let test = "a_group_that_the_broker_balances_goes_on_at_the_end_where_it_began";
    records_between_two_starts_are_handled(test, GroupProtocol::Consumer).await;
}
