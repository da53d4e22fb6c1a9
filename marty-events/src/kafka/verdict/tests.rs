use rdkafka::{error::KafkaError, types::RDKafkaErrorCode as Code};

use super::{Verdict, is_final, is_permanent};

/// A table of all codes that the client knows.
macro_rules! table {
    ($($verdict:ident: $($code:ident)*;)*) => {
        const TABLE: &[(Code, Verdict)] = &[$($((Code::$code, Verdict::$verdict),)*)*];
    };
}

table! {
    Outage: BrokerDestroy BrokerTransportFailure Resolve MessageTimedOut AllBrokersDown OperationTimedOut
        TimedOutQueue QueueFull CriticalSystemResource UnknownBroker DestroyBroker BrokerNotAvailable
        NetworkException RebootstrapRequired UnknownProtocol UnsupportedFeature UnsupportedVersion SSL
        Authentication SaslAuthenticationFailed UnsupportedSASLMechanism IllegalSASLState SecurityDisabled
        PrincipalDeserializationFailure UnacceptableCredential DelegationTokenExpired ClusterAuthorizationFailed;
    Refused: InvalidArgument InvalidRequiredAcks;
    TopicRefused: InvalidTopic UnknownTopic UnknownTopicOrPartition UnknownTopicId UnknownPartition
        TopicAuthorizationFailed UnsupportedForMessageFormat;
    BatchRefused: MessageSizeTooLarge InvalidMessageSize MessageBatchTooLarge InvalidMessage InvalidRecord
        BadMessage InvalidTimestamp PolicyViolation;
    ProducerLost: Fatal GaplessGuarantee Fenced ProducerFenced InvalidProducerEpoch;
    Unclear: Begin BadCompression Fail PartitionEOF FileSystem ISRInsufficient NodeUpdate WaitingForCoordinator
        UnknownGroup InProgress PreviousInProgress ExistingSubscription AssignPartitions RevokePartitions Conflict
        NotImplemented NoOffset Outdated WaitCache Interrupted KeySerialization ValueSerialization
        KeyDeserialization ValueDeserialization Partial ReadOnly NoEnt Underflow InvalidType Retry PurgeQueue
        PurgeInflight Inconsistent PollExceeded NotConfigured Application AssignmentLost Noop AutoOffsetReset
        LogTruncation InvalidDifferentRecord End Unknown NoError OffsetOutOfRange LeaderNotAvailable
        NotLeaderForPartition RequestTimedOut ReplicaNotAvailable StaleControllerEpoch OffsetMetadataTooLarge
        CoordinatorLoadInProgress CoordinatorNotAvailable NotCoordinator NotEnoughReplicas
        NotEnoughReplicasAfterAppend IllegalGeneration InconsistentGroupProtocol InvalidGroupId UnknownMemberId
        InvalidSessionTimeout RebalanceInProgress InvalidCommitOffsetSize GroupAuthorizationFailed
        TopicAlreadyExists InvalidPartitions InvalidReplicationFactor InvalidReplicaAssignment InvalidConfig
        NotController InvalidRequest OutOfOrderSequenceNumber DuplicateSequenceNumber InvalidTransactionalState
        InvalidProducerIdMapping InvalidTransactionTimeout ConcurrentTransactions TransactionCoordinatorFenced
        TransactionalIdAuthorizationFailed OperationNotAttempted KafkaStorageError LogDirNotFound UnknownProducerId
        ReassignmentInProgress DelegationTokenAuthDisabled DelegationTokenNotFound DelegationTokenOwnerMismatch
        DelegationTokenRequestNotAllowed DelegationTokenAuthorizationFailed InvalidPrincipalType NonEmptyGroup
        GroupIdNotFound FetchSessionIdNotFound InvalidFetchSessionEpoch ListenerNotFound TopicDeletionDisabled
        FencedLeaderEpoch UnknownLeaderEpoch UnsupportedCompressionType StaleBrokerEpoch OffsetNotAvailable
        MemberIdRequired PreferredLeaderNotAvailable GroupMaxSizeReached FencedInstanceId
        EligibleLeadersNotAvailable ElectionNotNeeded NoReassignmentInProgress GroupSubscribedToTopic
        UnstableOffsetCommit ThrottlingQuotaExceeded ResourceNotFound DuplicateResource InconsistentVoterSet
        InvalidUpdateVersion FeatureUpdateFailed FencedMemberEpoch State UnreleasedInstanceId UnsupportedAssignor
        StaleMemberEpoch UnknownSubscriptionId TelemetryTooLarge EndAll;
}

#[test]
fn every_code_has_the_verdict_of_the_table() {
    for &(code, verdict) in TABLE {
        assert_eq!(Verdict::of(&KafkaError::MessageProduction(code)), verdict, "{code:?}");
    }
}

#[test]
fn a_failure_without_a_code_is_unclear() {
    assert_eq!(Verdict::of(&KafkaError::Canceled), Verdict::Unclear);
}

#[test]
fn a_call_need_not_be_made_again_where_somebody_has_to_change_something_first() {
    let permanent = |code| is_permanent(&KafkaError::MessageProduction(code));
    for code in [
        Code::MessageSizeTooLarge,
        Code::UnknownTopicOrPartition,
        Code::TopicAuthorizationFailed,
        Code::ClusterAuthorizationFailed,
        Code::State,
        Code::InvalidTransactionalState,
        Code::UnsupportedVersion,
        Code::IllegalSASLState,
        Code::NotImplemented,
    ] {
        assert!(permanent(code), "{code:?}");
    }
    for code in [
        Code::MessageTimedOut,
        Code::QueueFull,
        Code::NotEnoughReplicas,
        Code::Fatal,
        Code::PurgeInflight,
        Code::SaslAuthenticationFailed,
    ] {
        assert!(!permanent(code), "{code:?}");
    }
}

#[test]
fn an_answer_that_cannot_change_is_final_and_no_other_is() {
    let finals = "MessageSizeTooLarge MessageBatchTooLarge InvalidMessageSize InvalidRecord InvalidTimestamp PolicyViolation \
        InvalidArgument InvalidRequiredAcks InvalidTopic UnsupportedForMessageFormat";
    let finals: Vec<&str> = finals.split_whitespace().collect();
    for &(code, _) in TABLE {
        let error = KafkaError::MessageProduction(code);
        assert_eq!(is_final(&error), finals.contains(&format!("{code:?}").as_str()), "{code:?}");
        assert!(!is_final(&error) || is_permanent(&error), "{code:?}: no route is told to try it again");
    }
}
