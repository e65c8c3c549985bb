//! Answers that get lost between an approval and its session.

use glimpse_core::viewer::Input;
use glimpse_wire::ErrorCode;

use crate::lending::{User, lend, pair, plan, receiver, try_session, try_words};
use crate::world::{PASSPHRASE, World, add};

#[tokio::test]
async fn a_session_whose_beginning_was_lost_is_ended() {
    let world = World::start().await;
    let (ground, meddling) = world.meddled("mara");
    let device = glimpse_device::Device::create(ground, "", PASSPHRASE).await.unwrap();
    add(&device, "Letter", b"Dear reader").await;
    *meddling.lose_every.borrow_mut() = Some("/v1/sessions".to_owned());
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
        let mut viewer = receiver(&world);
        viewer.input(Input::Code(user.code().await)).await;
        let words = try_words(&mut viewer).await.unwrap();
        user.peer().await;
        user.approves(&words);
        assert!(try_session(&mut viewer).await.is_err());
    })
    .await;
    assert_eq!(ending.unwrap_err().code(), Some(ErrorCode::ServerUnreachable));
    // The server had begun it, and it was ended by this device.
    let sessions = device.sessions().await.unwrap();
    let ended: Vec<Option<&str>> = sessions.iter().map(|session| session.ended.as_deref()).collect();
    assert_eq!(ended, [Some("session-ended")]);

    // Control: where the answer comes, the session runs.
    *meddling.lose_every.borrow_mut() = None;
    let (ending, ()) = lend(&device, plan(&device, 600_000).await, async |mut user: User| {
        let mut viewer = receiver(&world);
        pair(&mut user, &mut viewer).await;
        assert!(device.sessions().await.unwrap().iter().any(|session| session.ended.is_none()));
        viewer.input(Input::End).await;
        crate::lending::until_end(&mut viewer).await;
    })
    .await;
    assert_eq!(ending.unwrap().code, ErrorCode::SessionEnded);
}
