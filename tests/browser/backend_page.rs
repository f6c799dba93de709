//! IndexedDB, Web Locks and the store above them, in a page.
#![cfg(target_arch = "wasm32")]

use std::rc::Rc;

use gitside::browser::storage::WebStorage;
use gitside::store::contract;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
async fn indexeddb_keeps_the_contract_in_a_page() {
    contract::all(Rc::new(WebStorage::new())).await;
}
