//! A home in IndexedDB: one store, whose keys are names of files and whose values are their bytes.

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{IdbDatabase, IdbKeyRange, IdbObjectStore, IdbOpenDbRequest, IdbRequest, IdbTransaction};

use super::global::{Transactions, global};
use super::locks;
use super::refusal::Refusal;
use crate::Local;
use crate::storage::{Guard, Storage, StorageError};

/// The one store.
const FILES: &str = "files";
/// The form of the database.
const VERSION: u32 = 1;

/// A database of this origin, which every tab and worker of the origin can open.
#[derive(Debug)]
pub struct Database {
    name: String,
    inner: IdbDatabase,
    _changing: Closure<dyn FnMut()>,
}

impl Database {
    /// Opens the database `name`, which is made if it is not there.
    ///
    /// A browser may delete what a page stored when room runs out, unless the page asked it not to
    /// (`navigator.storage.persist()`, which only a page can ask); with it the device's keys are gone.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn open(name: &str) -> Result<Self, Refusal> {
        let factory = global().indexed_db()?.ok_or(Refusal::Forbidden)?;
        // What forbids a database may show only here, under other names.
        let opening = factory.open_with_u32(name, VERSION).map_err(|_| Refusal::Forbidden)?;
        let inner: IdbDatabase = match opened(&opening).await {
            Ok(database) => database.unchecked_into(),
            Err(Refusal::Closed) => return Err(Refusal::Forbidden),
            Err(refusal) => return Err(refusal),
        };
        // Whoever deletes what this page stored would wait for us for ever.
        let closing = inner.clone();
        let changing = Closure::new(move || closing.close());
        inner.set_onversionchange(Some(changing.as_ref().unchecked_ref()));
        Ok(Self { name: name.to_owned(), inner, _changing: changing })
    }

    fn error(&self, name: &str, cause: &Refusal) -> StorageError {
        StorageError { name: format!("{}/{name}", self.name), cause: cause.to_string() }
    }

    /// A transaction that is complete only when its bytes are on disk.
    fn begin(&self, mode: &str) -> Result<(IdbTransaction, IdbObjectStore), Refusal> {
        let options = Object::new();
        Reflect::set(&options, &"durability".into(), &"strict".into())?;
        let database: &Transactions = self.inner.unchecked_ref();
        let transaction = database.transaction(FILES, mode, &options)?;
        let store = transaction.object_store(FILES)?;
        Ok((transaction, store))
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, Refusal> {
        let (_, store) = self.begin("readonly")?;
        let value = answered(&store.get(&name.into())?).await?;
        if value.is_undefined() {
            return Ok(None);
        }
        let bytes: Uint8Array = value.dyn_into().map_err(|_| Refusal::Other("not a file".to_owned()))?;
        Ok(Some(bytes.to_vec()))
    }

    async fn put(&self, name: &str, bytes: &[u8]) -> Result<(), Refusal> {
        let (transaction, store) = self.begin("readwrite")?;
        store.put_with_key(&Uint8Array::from(bytes), &name.into())?;
        complete(&transaction).await
    }

    async fn delete(&self, name: &str) -> Result<(), Refusal> {
        let (transaction, store) = self.begin("readwrite")?;
        store.delete(&name.into())?;
        complete(&transaction).await
    }

    async fn names(&self, folder: &str) -> Result<Vec<String>, Refusal> {
        let (_, store) = self.begin("readonly")?;
        let prefix = format!("{folder}/");
        // `0` comes right after the slash.
        let (first, end) = (JsValue::from(&prefix), JsValue::from(format!("{folder}0")));
        let range = IdbKeyRange::bound_with_lower_open_and_upper_open(&first, &end, false, true)?;
        let keys: Array = answered(&store.get_all_keys_with_key(&range)?).await?.unchecked_into();
        let names = keys.iter().filter_map(|key| Some(key.as_string()?.strip_prefix(&prefix)?.to_owned()));
        let mut names: Vec<String> = names.filter(|name| !name.contains('/')).collect();
        names.sort_unstable();
        Ok(names)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.inner.set_onversionchange(None);
        self.inner.close();
    }
}

impl Storage for Database {
    fn read<'a>(&'a self, name: &'a str) -> Local<'a, Result<Option<Vec<u8>>, StorageError>> {
        Box::pin(async move { self.get(name).await.map_err(|cause| self.error(name, &cause)) })
    }

    fn write<'a>(&'a self, name: &'a str, bytes: &'a [u8]) -> Local<'a, Result<(), StorageError>> {
        Box::pin(async move { self.put(name, bytes).await.map_err(|cause| self.error(name, &cause)) })
    }

    fn remove<'a>(&'a self, name: &'a str) -> Local<'a, Result<(), StorageError>> {
        Box::pin(async move { self.delete(name).await.map_err(|cause| self.error(name, &cause)) })
    }

    fn list<'a>(&'a self, folder: &'a str) -> Local<'a, Result<Vec<String>, StorageError>> {
        Box::pin(async move { self.names(folder).await.map_err(|cause| self.error(folder, &cause)) })
    }

    fn lock<'a>(&'a self, name: &'a str) -> Local<'a, Result<Guard, StorageError>> {
        Box::pin(async move {
            // All databases of an origin share one set of locks.
            let held = locks::lock(&format!("glimpse/{}/{name}", self.name)).await;
            held.map(Guard::new).map_err(|cause| self.error(name, &cause))
        })
    }
}

/// The result of opening; a database that is not there gets its store.
async fn opened(opening: &IdbOpenDbRequest) -> Result<JsValue, Refusal> {
    let request = opening.clone();
    let making = Closure::<dyn FnMut()>::new(move || {
        if let Ok(database) = request.result() {
            // One that fails aborts the opening, which tells.
            let _made = database.unchecked_into::<IdbDatabase>().create_object_store(FILES);
        }
    });
    opening.set_onupgradeneeded(Some(making.as_ref().unchecked_ref()));
    answered(opening).await
}

/// The result of a request.
async fn answered(request: &IdbRequest) -> Result<JsValue, Refusal> {
    let promise = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(resolve.unchecked_ref()));
        request.set_onerror(Some(reject.unchecked_ref()));
    });
    match JsFuture::from(promise).await {
        Ok(_event) => Ok(request.result()?),
        Err(_event) => Err(request.error()?.map_or_else(unnamed, Refusal::from)),
    }
}

/// Waits until all of a transaction is on disk, or nothing of it.
async fn complete(transaction: &IdbTransaction) -> Result<(), Refusal> {
    let promise = Promise::new(&mut |resolve, reject| {
        transaction.set_oncomplete(Some(resolve.unchecked_ref()));
        transaction.set_onabort(Some(reject.unchecked_ref()));
    });
    match JsFuture::from(promise).await {
        Ok(_event) => Ok(()),
        Err(_event) => Err(transaction.error().map_or_else(unnamed, Refusal::from)),
    }
}

/// The browser broke off and said nothing.
fn unnamed() -> Refusal {
    Refusal::Closed
}
