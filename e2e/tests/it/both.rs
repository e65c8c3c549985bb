//! Stories that are told once and happen in both browsers.

/// Makes of each `async fn story(kind: Kind) -> Result<()>` two tests: `chromium::story` and `firefox::story`. A story that
/// is not in the list is dead code, which the compiler refuses.
macro_rules! in_both {
    ($($story:ident),+ $(,)?) => {
        mod chromium {
            $(
                #[tokio::test]
                async fn $story() -> anyhow::Result<()> {
                    super::$story(e2e::browser::Kind::Chromium).await
                }
            )+
        }

        mod firefox {
            $(
                #[tokio::test]
                async fn $story() -> anyhow::Result<()> {
                    super::$story(e2e::browser::Kind::Firefox).await
                }
            )+
        }
    };
}
