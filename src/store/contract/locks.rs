//! The part of the contract that is not about databases: locks and names.

use std::rc::Rc;

use crate::host::{LockMode, Storage, Wait};

/// Shared and exclusive, waiting and not, stolen.
pub async fn locks_exclude_and_are_released(storage: Rc<dyn Storage>) {
    let lock = async |mode, wait| storage.lock("contract:lock", mode, wait).await.expect("lock");
    let free = async || lock(LockMode::Exclusive, Wait::No).await.is_some();
    assert!(free().await && free().await, "a dropped guard releases");
    let exclusive = lock(LockMode::Exclusive, Wait::Yes).await.expect("granted");
    assert!(!free().await);
    assert!(lock(LockMode::Shared, Wait::No).await.is_none());
    assert!(
        storage
            .lock("contract:other", LockMode::Exclusive, Wait::No)
            .await
            .expect("lock")
            .is_some(),
        "another name"
    );
    // A waiter is granted when the holder lets go; one that gave up is not in the way.
    let mut waiting = Box::pin(lock(LockMode::Exclusive, Wait::Yes));
    let mut given_up = Box::pin(lock(LockMode::Exclusive, Wait::Yes));
    let pending = std::future::poll_fn(|context| {
        let pending = waiting.as_mut().poll(context).is_pending() && given_up.as_mut().poll(context).is_pending();
        std::task::Poll::Ready(pending)
    });
    assert!(pending.await);
    drop(given_up);
    drop(exclusive);
    let granted = waiting.await.expect("granted");
    assert!(!free().await);
    drop(granted);
    assert!(free().await);
    let readers = [
        lock(LockMode::Shared, Wait::Yes).await,
        lock(LockMode::Shared, Wait::No).await,
    ];
    assert!(readers.iter().all(Option::is_some), "readers stand beside each other");
    assert!(!free().await);
    drop(readers);
    let victim = lock(LockMode::Exclusive, Wait::Yes).await.expect("granted");
    let thief = lock(LockMode::Exclusive, Wait::Steal).await.expect("stolen");
    assert!(!free().await);
    drop(victim);
    assert!(!free().await, "the victim's guard has nothing left to release");
    drop(thief);
    assert!(free().await);
}

/// Ids are 32 hex digits and never the same.
pub async fn ids_differ(storage: Rc<dyn Storage>) {
    let ids: Vec<String> = (0..100).map(|_| storage.unique_id().expect("unique_id")).collect();
    for id in &ids {
        assert!(
            id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
            "{id}"
        );
        assert_eq!(ids.iter().filter(|other| *other == id).count(), 1);
    }
    let _ = storage.usage().await;
}
