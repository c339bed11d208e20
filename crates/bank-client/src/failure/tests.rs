use super::*;

fn attempted(code: Code, metadata: &[(&'static str, &str)]) -> Attempted {
    let mut status = Status::new(code, "why");
    for (key, value) in metadata {
        status.metadata_mut().insert(*key, value.parse().expect("ASCII"));
    }
    let at = Place {
        branch: Some(2),
        address: "h:1".parse().expect("one"),
    };
    Attempted::by_status(at, &status)
}

#[test]
fn only_a_status_with_the_key_is_not_applied() {
    let table = [
        (Code::Unavailable, &[][..], Certainty::Unknown, true),
        (
            Code::Unavailable,
            &[("bank-fate", "not-applied")][..],
            Certainty::NotApplied,
            true,
        ),
        (
            Code::Unavailable,
            &[("bank-fate", "unknown")][..],
            Certainty::Unknown,
            true,
        ),
        (
            Code::ResourceExhausted,
            &[("bank-fate", "not-applied")][..],
            Certainty::NotApplied,
            true,
        ),
        (Code::InvalidArgument, &[][..], Certainty::Unknown, false),
        (
            Code::InvalidArgument,
            &[("bank-fate", "not-applied")][..],
            Certainty::NotApplied,
            false,
        ),
        (
            Code::FailedPrecondition,
            &[("bank-fate", "NOT-APPLIED")][..],
            Certainty::Unknown,
            false,
        ),
        (
            Code::AlreadyExists,
            &[("bank-fate", "not-applied")][..],
            Certainty::NotApplied,
            false,
        ),
        // Too many reads wait already.
        (Code::ResourceExhausted, &[][..], Certainty::Unknown, true),
        // The message is too large.
        (
            Code::OutOfRange,
            &[("bank-fate", "not-applied")][..],
            Certainty::NotApplied,
            false,
        ),
        (Code::Internal, &[][..], Certainty::Unknown, true),
        (Code::Unimplemented, &[][..], Certainty::Unknown, false),
        (Code::DeadlineExceeded, &[][..], Certainty::Unknown, true),
    ];
    for (code, metadata, certainty, is_retryable) in table {
        let attempted = attempted(code, metadata);
        assert_eq!(
            (attempted.certainty, attempted.failure.is_retryable()),
            (certainty, is_retryable),
            "{code:?} {metadata:?}"
        );
    }
}

#[test]
fn a_branch_that_is_behind_says_what_it_has_and_what_is_needed() {
    let metadata = [("bank-position", "812"), ("bank-position-needed", "815")];
    let message = attempted(Code::DeadlineExceeded, &metadata).failure.to_string();
    assert_eq!(
        message,
        "branch 2 (h:1) is at 812, the session needs 815; try another branch or a longer --timeout"
    );
    for garbled in [
        [("bank-position", "812"), ("bank-position-needed", "x")],
        [metadata[1], metadata[1]],
    ] {
        let failure = attempted(Code::DeadlineExceeded, &garbled).failure;
        assert!(matches!(failure, Failure::TimedOut { .. }), "{failure:?}");
    }
}
