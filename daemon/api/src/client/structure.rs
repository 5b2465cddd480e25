//! Calls about places, door groups, shares, and keys sent to many.

use doorward_core::ids::{CompanyId, DoorId, KeyId, PlaceId, UserId};
use doorward_core::model::{Block, Interval, Key, Share, User};
use hyper::Method;

use super::exchange::Call;
use super::{Client, ClientError};
use crate::page::QueryText;
use crate::{
    Applied, Changes, GrantBody, KeyDoor, KeyView, ListQuery, MoveBody, Page, PlaceContents,
    Resource, Saved, SendBody,
};

impl Client {
    /// What several steps would do, and whom they would touch. Nothing is changed.
    pub async fn preview(&self, changes: &Changes) -> Result<Applied, ClientError> {
        let call = Call::new(Method::POST, "/v1/changes?dry_run=true").json(changes)?;
        self.send(call).await
    }

    /// What taking a record away would do, and whom it would touch. Nothing is changed.
    pub async fn preview_delete<R: Resource>(&self, id: R::Id) -> Result<Applied, ClientError> {
        let path = format!("/v1/{}/{id}?dry_run=true", R::COLLECTION);
        self.send(Call::new(Method::DELETE, &path)).await
    }

    /// A page of keys, each with whether it has doors left.
    pub async fn keys(&self, query: &ListQuery) -> Result<Page<KeyView>, ClientError> {
        self.read(&format!("/v1/keys{}", query.to_query())).await
    }

    /// The doors that a key opens, its own and those of its groups.
    pub async fn key_doors(
        &self,
        key: KeyId,
        query: &ListQuery,
    ) -> Result<Page<KeyDoor>, ClientError> {
        self.read(&format!("/v1/keys/{key}/doors{}", query.to_query()))
            .await
    }

    /// Gives a user a key, or changes when they may use it, by intervals or by a word.
    pub async fn give_key_as(
        &self,
        user: UserId,
        key: KeyId,
        body: &GrantBody,
    ) -> Result<Saved<doorward_core::model::Grant>, ClientError> {
        let path = format!("/v1/users/{user}/keys/{key}");
        self.write(Method::PUT, &path, body).await
    }

    /// Sends a key to many users as one change; or says whom that would touch.
    pub async fn send_key(
        &self,
        key: KeyId,
        body: &SendBody,
        dry_run: bool,
    ) -> Result<Applied, ClientError> {
        let path = format!("/v1/keys/{key}/send{}", dry(dry_run));
        self.write(Method::POST, &path, body).await
    }

    /// Takes one interval from a grant; with the last one the grant goes.
    pub async fn revoke_interval(
        &self,
        user: UserId,
        key: KeyId,
        interval: &Interval,
    ) -> Result<Applied, ClientError> {
        let mut query = QueryText::default();
        let text = |end: Option<doorward_core::time::Wall>| end.map(|end| end.to_string());
        query.add_text("from", text(interval.from).as_deref());
        query.add_text("until", text(interval.until).as_deref());
        let path = format!("/v1/users/{user}/keys/{key}/intervals{}", query.0);
        self.send(Call::new(Method::DELETE, &path)).await
    }

    /// Takes every key from a user; or says whom and what that would touch.
    pub async fn revoke_all_of(&self, user: UserId, dry_run: bool) -> Result<Applied, ClientError> {
        let path = format!("/v1/users/{user}/keys{}", dry(dry_run));
        self.send(Call::new(Method::DELETE, &path)).await
    }

    /// Takes a key from every holder; or says whom that would touch.
    pub async fn revoke_from_all(&self, key: KeyId, dry_run: bool) -> Result<Applied, ClientError> {
        let path = format!("/v1/keys/{key}/holders{}", dry(dry_run));
        self.send(Call::new(Method::DELETE, &path)).await
    }

    /// Blocks a key: holders keep it, doors deny with their own reason.
    pub async fn block_key(&self, key: KeyId, block: &Block) -> Result<Saved<Key>, ClientError> {
        let path = format!("/v1/keys/{key}/block");
        self.write(Method::PUT, &path, block).await
    }

    /// Lifts a key's block.
    pub async fn unblock_key(&self, key: KeyId) -> Result<Saved<Key>, ClientError> {
        let path = format!("/v1/keys/{key}/block");
        self.send(Call::new(Method::DELETE, &path)).await
    }

    /// The places that a door is shared to.
    pub async fn door_shares(&self, door: DoorId) -> Result<Page<Share>, ClientError> {
        self.read(&format!("/v1/doors/{door}/shares")).await
    }

    /// Shares a door to another place.
    pub async fn share_door(&self, share: Share) -> Result<Applied, ClientError> {
        let path = format!("/v1/doors/{}/shares/{}", share.door, share.place);
        self.send(Call::new(Method::PUT, &path)).await
    }

    /// Withdraws a door: it drops out of that place's keys at once.
    pub async fn withdraw_door(&self, share: Share, dry_run: bool) -> Result<Applied, ClientError> {
        let Share { door, place } = share;
        let path = format!("/v1/doors/{door}/shares/{place}{}", dry(dry_run));
        self.send(Call::new(Method::DELETE, &path)).await
    }

    /// Moves a door to another place and shares it back, so that keys go on working.
    pub async fn move_door(&self, door: DoorId, place: PlaceId) -> Result<Applied, ClientError> {
        let path = format!("/v1/doors/{door}/move");
        self.write(Method::POST, &path, &MoveBody { place }).await
    }

    /// What a place owns, and what is shared to it.
    pub async fn place_contents(&self, place: PlaceId) -> Result<PlaceContents, ClientError> {
        self.read(&format!("/v1/places/{place}/contents")).await
    }

    /// The users who belong to a place itself.
    pub async fn place_users(
        &self,
        place: PlaceId,
        query: &ListQuery,
    ) -> Result<Page<User>, ClientError> {
        self.read(&format!("/v1/places/{place}/users{}", query.to_query()))
            .await
    }

    /// The users who belong to a company.
    pub async fn company_users(
        &self,
        company: CompanyId,
        query: &ListQuery,
    ) -> Result<Page<User>, ClientError> {
        self.read(&format!(
            "/v1/companies/{company}/users{}",
            query.to_query()
        ))
        .await
    }
}

const fn dry(dry_run: bool) -> &'static str {
    if dry_run { "?dry_run=true" } else { "" }
}
