//! What screen 3 asks for: what is refused in groups, and how far each signing key has got.
//!
//! In: effects. Out: messages, from tasks beside the loop.

use crate::console::app::msg as app;
use crate::console::backend::Backend;
use crate::console::screens::unsigned::{Effect, Found, Msg};
use crate::judge::rotation::coverage;

impl Backend {
    /// Begins what the list of groups asks for.
    pub(super) fn unsigned(&mut self, effect: Effect) {
        let send = self.send.clone();
        match effect {
            Effect::Group {
                request_id,
                generation,
                inventory,
                compromised,
            } => self.group.put(move || {
                let _ = send.send(app::Msg::Unsigned(Msg::Groups {
                    request_id,
                    generation,
                    found: Found::of(&inventory, &compromised),
                }));
            }),
            Effect::Keys {
                inventory,
                facts,
                purpose,
            } => {
                tokio::task::spawn_blocking(move || {
                    let keys = coverage(&inventory, &facts.keys);
                    let _ = send.send(app::Msg::Unsigned(Msg::SigningKeys(purpose, keys)));
                });
            }
        }
    }
}
