use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn code(error: impl Into<StoreError>) -> Code {
    store(Stage::Read, &error.into()).code
}

#[test]
fn every_fault_of_storage_has_its_own_code() {
    let detail = || "the browser's words".to_owned();
    for (error, expected) in [
        (StorageError::Quota { detail: detail() }, Code::Quota),
        (StorageError::Gone { detail: detail() }, Code::StorageGone),
        (StorageError::Corrupt { detail: detail() }, Code::StorageCorrupt),
        (StorageError::Unavailable { detail: detail() }, Code::StorageUnavailable),
        (StorageError::Other { detail: detail() }, Code::StorageUnavailable),
    ] {
        let said = store(Stage::Read, &error.into());
        assert_eq!(said.code, expected);
        assert!(said.message.contains("the browser's words"), "{}", said.message);
    }
    assert_eq!(code(StorageError::Blocked), Code::Busy);
    let newer = StorageError::NewerSchema { found: 9, supported: 1 };
    assert_eq!(code(newer), Code::NewerSchema);
    let older = StoreError::OlderSchema { found: 1, supported: 2 };
    assert_eq!(code(older), Code::Unsupported);
}

#[test]
fn a_ref_that_is_not_as_expected_is_named() {
    let name = b"refs/heads/main".to_vec();
    let by = b"refs/heads/main/sub".to_vec();
    for (problem, expected) in [
        (
            RefProblem::Moved {
                expected: None,
                found: None,
            },
            Code::RefConflict,
        ),
        (RefProblem::Occupied { by }, Code::RefConflict),
        (RefProblem::Invalid, Code::InvalidRef),
        (RefProblem::Loop, Code::Corrupt),
    ] {
        let error = StoreError::Ref {
            name: name.clone(),
            problem,
        };
        let said = store(Stage::Update, &error);
        assert_eq!(said.code, expected, "{error:?}");
        assert!(said.message.contains("refs/heads/main"), "{}", said.message);
    }
}

#[test]
fn what_another_tab_did_may_be_tried_again() {
    for error in [StoreError::Busy, StoreError::Fenced] {
        let said = store(Stage::Update, &error);
        assert_eq!((said.code, said.retryable), (Code::Busy, true));
    }
    assert_eq!(code(StoreError::Vanished), Code::StorageGone);
}

#[test]
fn a_collision_and_a_base_that_is_nowhere_are_named() {
    let oid = ObjectId::new([0xab; 20]);
    let collision = pack(Stage::Unpack, &PackError::Collision { at: 12, oid });
    assert_eq!(collision.code, Code::PackCollision);
    let bases = vec![oid, ObjectId::new([0xcd; 20])];
    let unresolved = pack(Stage::Unpack, &PackError::Unresolved { count: 7, bases });
    assert_eq!(unresolved.code, Code::PackInvalid);
    let said = format!("7 unresolved deltas, against {}, {}", "ab".repeat(20), "cd".repeat(20));
    assert!(unresolved.message.contains(&said), "{}", unresolved.message);
    for error in [collision, unresolved] {
        assert!(error.message.contains(&oid.to_hex()), "{}", error.message);
    }
}
