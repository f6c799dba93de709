//! The calls of a repository about branches and tags.

use js_sys::Promise;
use wasm_bindgen::prelude::*;

use super::operation::Operation;
use super::options::Fields;
use super::repository::RepositoryHandle;
use super::value::shown;
use super::write::{expected, new_tag};
use crate::ops::branch::{self, CreateOptions, DeleteOptions};
use crate::ops::tag::{self, Made};

#[wasm_bindgen]
impl RepositoryHandle {
    /// Makes a branch; options `{ force, track }`. Answers its commit.
    #[wasm_bindgen(js_name = createBranch, unchecked_return_type = "Promise<string>")]
    pub fn create_branch(
        &self,
        operation: &Operation,
        name: String,
        start: String,
        options: JsValue,
        remote: JsValue,
    ) -> Promise {
        let repository = self.lazily(operation, &remote);
        let fields = Fields(&options);
        let options = CreateOptions {
            force: fields.flag("force").unwrap_or(false),
            track: fields.flag("track"),
        };
        operation.run(|task| async move {
            let oid = branch::create(&task, &repository, name.as_bytes(), start.as_bytes(), &options).await?;
            Ok(shown(&oid))
        })
    }

    /// Renames a branch.
    #[wasm_bindgen(js_name = renameBranch, unchecked_return_type = "Promise<void>")]
    pub fn rename_branch(&self, operation: &Operation, from: String, to: String, force: bool) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            branch::rename(&task, &repository, from.as_bytes(), to.as_bytes(), force).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Deletes a branch; options `{ force, expect }`.
    #[wasm_bindgen(js_name = deleteBranch, unchecked_return_type = "Promise<void>")]
    pub fn delete_branch(&self, operation: &Operation, name: String, options: JsValue) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            let fields = Fields(&options);
            let options = DeleteOptions {
                force: fields.flag("force").unwrap_or(false),
                expect: expected(&fields.get("expect"))?.flatten(),
            };
            branch::delete(&task, &repository, name.as_bytes(), &options).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Makes a tag; options as `pkg/write.js` makes them of `TagOptions`. Answers what its ref leads to.
    #[wasm_bindgen(js_name = createTag, unchecked_return_type = "Promise<string>")]
    pub fn create_tag(&self, operation: &Operation, name: String, options: JsValue, remote: JsValue) -> Promise {
        let repository = self.lazily(operation, &remote);
        let new = new_tag(&options, operation.callbacks());
        let force = Fields(&options).flag("force").unwrap_or(false);
        let made = match Fields(&options).get("message").is_undefined() {
            true => Made::Light(new.object),
            false => Made::Annotated(new),
        };
        operation.run(|task| async move {
            Ok(shown(
                &tag::create(&task, &repository, name.as_bytes(), &made, force).await?,
            ))
        })
    }

    /// Deletes a tag; options `{ expect }`.
    #[wasm_bindgen(js_name = deleteTag, unchecked_return_type = "Promise<void>")]
    pub fn delete_tag(&self, operation: &Operation, name: String, options: JsValue) -> Promise {
        let repository = self.share();
        operation.run(|task| async move {
            let expect = expected(&Fields(&options).get("expect"))?.flatten();
            tag::delete(&task, &repository, name.as_bytes(), expect).await?;
            Ok(JsValue::UNDEFINED)
        })
    }
}
