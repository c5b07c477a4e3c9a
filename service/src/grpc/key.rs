//! `KeyService`: API keys come with a later version; until then every call says so.

use tonic::{Request, Response, Status};

use crate::status::Refusal;
use crate::wire::pb;

/// The service.
#[derive(Clone, Copy)]
pub struct Keys;

#[tonic::async_trait]
impl pb::key_service_server::KeyService for Keys {
    async fn create_key(&self, _: Request<pb::CreateKeyRequest>) -> Result<Response<pb::CreateKeyResponse>, Status> {
        Err(Refusal::later("CreateKey").into())
    }

    async fn list_keys(&self, _: Request<pb::ListKeysRequest>) -> Result<Response<pb::ListKeysResponse>, Status> {
        Err(Refusal::later("ListKeys").into())
    }

    async fn revoke_key(&self, _: Request<pb::RevokeKeyRequest>) -> Result<Response<pb::RevokeKeyResponse>, Status> {
        Err(Refusal::later("RevokeKey").into())
    }
}
