//! The store, natively: packs, objects, refs, writers and the catalogue over databases in memory,
//! and the same with storage that fails.
#![cfg(not(target_arch = "wasm32"))]

#[path = "store_catalog.rs"]
mod catalog;
#[path = "store_faults.rs"]
mod faults;
#[path = "support/faulty.rs"]
mod faulty;
#[path = "store_lookup.rs"]
mod lookup;
#[path = "store_many_refs.rs"]
mod many_refs;
#[path = "store_objects.rs"]
mod objects;
#[path = "store_refs.rs"]
mod refs;
#[path = "store_support.rs"]
mod support;

#[test]
fn storage_in_memory_keeps_the_contract() {
    support::run(async {
        gitside::store::contract::all(std::rc::Rc::new(gitside::store::memory::MemoryStorage::new())).await;
    });
}
