//! What screen 2 asks for: rows that match, closure sizes, chains of references.
//!
//! In: effects. Out: messages, from tasks beside the loop.

use crate::console::app::msg as app;
use crate::console::backend::{Backend, lock};
use crate::console::screens::store::{Effect, Msg};
use crate::console::types::assessment::SpaceAssessment;
use crate::inventory::{Inventory, Query, SearchFacts, Sort};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

impl Backend {
    /// Begins what the list of paths asks for.
    pub(super) fn store(&mut self, effect: Effect) {
        let send = self.send.clone();
        match effect {
            Effect::View {
                request_id,
                generation,
                inventory,
                query,
                sort,
                hide_drv,
                assessment,
            } => self.view(
                request_id,
                generation,
                inventory,
                query,
                (sort, hide_drv),
                assessment,
            ),
            Effect::Measure { inventory, rows } => self.measure.put(move || {
                inventory.measure_closures_of(&rows, &AtomicBool::new(false));
                let _ = send.send(app::Msg::Store(Msg::Measured));
            }),
            Effect::Chain {
                inventory,
                from,
                to,
            } => {
                tokio::task::spawn_blocking(move || {
                    let chain = inventory
                        .why_depends(from, to)
                        .or_else(|| inventory.why_depends(to, from));
                    let _ = send.send(app::Msg::Store(Msg::Chain { from, to, chain }));
                });
            }
        }
    }

    fn view(
        &mut self,
        request_id: u64,
        generation: u64,
        inventory: Arc<Inventory>,
        query: Query,
        (sort, hide_drv): (Sort, bool),
        assessment: Option<Arc<SpaceAssessment>>,
    ) {
        // The one that runs is cancelled, the one that waits is replaced.
        self.cancel_view.store(true, Ordering::Relaxed);
        let off = Arc::new(AtomicBool::new(false));
        self.cancel_view = Arc::clone(&off);
        let send = self.send.clone();
        let searcher = Arc::clone(&self.searcher);
        self.view.put(move || {
            let now = crate::domain::When::now();
            let known = assessment
                .as_ref()
                .map_or_else(SearchFacts::default, |assessment| assessment.for_search());
            let tell = |view| {
                let _ = send.send(app::Msg::Store(Msg::View {
                    request_id,
                    generation,
                    view,
                }));
            };
            // One runs at a time, so nobody waits for it.
            let mut searcher = lock(&searcher);
            let whole = searcher.view(&inventory, &query, sort, hide_drv, now, known, &off, tell);
            whole.into_iter().for_each(tell);
        });
    }
}
