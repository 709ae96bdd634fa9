//! What screen 5 knows, and where one is on it.
//!
//! In: one look at the server ([`SpaceSnapshot`]), what was worked out from it and the store ([`SpaceAssessment`]), plans. Out: plain data for
//! the screens; drawing only picks the rows in view.

use crate::change::contents::Damage;
use crate::console::screens::space::areas;
use crate::console::screens::space::form::Form;
use crate::console::types::assessment::{RootLine, SpaceAssessment};
use crate::console::types::problem::Problem;
use crate::console::types::space::Planned;
use crate::console::types::space::SpaceSnapshot;
use crate::console::widgets::list::Move;
use crate::console::widgets::list::{List, first_of, near};
use crate::inventory::Row;
use crate::judge::collect::Rules;
use crate::judge::growth::{Curve, Forecast, curve, forecast};
use crate::judge::retention::Policy;
use std::sync::Arc;

/// What part of the screen is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum View {
    /// The planner.
    #[default]
    Plan,
    /// What keeps paths.
    Roots,
    /// What would free most.
    Heaviest,
    /// File systems, and how they came to be so full.
    Growth,
}

impl View {
    /// From left to right.
    pub const ALL: [Self; 4] = [Self::Plan, Self::Roots, Self::Heaviest, Self::Growth];

    /// Its name.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Plan => "Plan",
            Self::Roots => "Roots",
            Self::Heaviest => "Heaviest",
            Self::Growth => "Growth",
        }
    }

    /// The view so many places on.
    pub fn turn(self, by: usize) -> Self {
        Self::ALL[(self as usize + by) % Self::ALL.len()]
    }
}

/// Screen 5.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is of another thing")]
pub struct Space {
    /// What is shown.
    pub view: View,
    /// What was found out last.
    pub known: Option<Arc<SpaceSnapshot>>,
    /// What was found damaged, and was neither fixed nor compared again since.
    pub damaged: Vec<Damage>,
    /// The number of the newest request for a look; parts of older ones are dropped.
    pub look: u64,
    /// Why the last look failed.
    pub problem: Option<Problem>,
    /// What follows from it for the store as it was read.
    pub assessment: Option<Arc<SpaceAssessment>>,
    /// The number of the newest request for that.
    pub assessing: u64,
    /// Whether that has not been answered.
    pub working: bool,
    /// Whether the screen is shown: only then there is a plan, which takes much memory on a large store.
    pub shown: bool,
    /// The rules.
    pub form: Form,
    /// Whether the server's policy is planned by, where it has one.
    pub by_policy: bool,
    /// What was written in the editor and is not the policy of the server yet.
    pub draft: Option<String>,
    /// The newest plan.
    pub planned: Option<Planned>,
    /// The number of the newest request for a plan.
    pub request_id: u64,
    /// Whether a newer plan is being made.
    pub stale: bool,
    /// Whether the plan lists single paths instead of packages.
    pub paths: bool,
    /// Where the plan's list is.
    pub plan: List,
    /// The path under its cursor, then its neighbours.
    pub plan_anchors: Vec<Row>,
    /// Where the list of roots is.
    pub roots: List,
    /// The root under its cursor, by its link, then its neighbours.
    pub root_anchors: Vec<String>,
    /// Where the list of the heaviest is.
    pub heaviest: List,
    /// The path under its cursor, then its neighbours.
    pub heavy_anchors: Vec<Row>,
}

impl Space {
    /// Rows of the list in view.
    pub fn rows(&self) -> usize {
        match self.view {
            View::Plan => self.plan_rows(),
            View::Roots => self
                .assessment
                .as_ref()
                .map_or(0, |assessment| assessment.roots.len()),
            View::Heaviest => self
                .assessment
                .as_ref()
                .map_or(0, |assessment| assessment.heaviest.len()),
            View::Growth => 0,
        }
    }

    /// The policy that is planned by.
    pub fn policy(&self) -> Option<Arc<Policy>> {
        let known = self.known.as_ref().filter(|_| self.by_policy)?;
        known.policy.as_ref().ok()?.clone()
    }

    /// What is planned by: the policy as a timer takes it, without a target, else the rules of the form.
    pub fn rules(&self) -> Rules {
        match self.policy() {
            None => self.form.rules.clone(),
            policy => Rules {
                policy,
                ..Rules::default()
            },
        }
    }

    /// The plan, unless the form can't be read: the plan of the rules before would look like that of what stands there.
    pub fn plan_of_form(&self) -> Option<&Planned> {
        self.planned
            .as_ref()
            .filter(|_| self.form.problem.is_none())
    }

    fn plan_rows(&self) -> usize {
        self.plan_of_form().map_or(0, |planned| {
            if self.paths {
                planned.collection.order.len()
            } else {
                planned.collection.groups.len()
            }
        })
    }

    /// The list in view.
    pub const fn list(&self) -> &List {
        match self.view {
            View::Plan | View::Growth => &self.plan,
            View::Roots => &self.roots,
            View::Heaviest => &self.heaviest,
        }
    }

    /// The same, to be moved in.
    pub const fn list_mut(&mut self) -> &mut List {
        match self.view {
            View::Plan | View::Growth => &mut self.plan,
            View::Roots => &mut self.roots,
            View::Heaviest => &mut self.heaviest,
        }
    }

    /// When the store's disk is full. Where samples do not tell that, there is no saying before the store was read to its end.
    pub fn forecast(&self) -> Option<Forecast> {
        let known = self.known.as_ref()?;
        let growth = self
            .assessment
            .as_ref()
            .map(|assessment| &assessment.growth);
        let store = known.facts.store.as_ref().ok();
        let available = store.map(|store| store.disk.available);
        let forecast = forecast(&known.samples, growth, available, known.facts.at);
        let early = growth.is_none() && matches!(forecast, Forecast::Unknown(_));
        (!early).then_some(forecast)
    }

    /// Who holds Nix's lock for collections, such as `process 4711 of root collects`.
    pub fn collects(&self) -> Option<String> {
        let running = self.known.as_ref()?.facts.collecting.as_ref().ok()?;
        let holder = running.iter().find(|collector| collector.holds)?;
        Some(format!(
            "process {} of {} collects",
            holder.process,
            holder.owner()
        ))
    }

    /// How it has grown; `None` as above.
    pub fn curve(&self) -> Option<Curve> {
        let known = self.known.as_ref()?;
        let growth = self
            .assessment
            .as_ref()
            .map(|assessment| &assessment.growth);
        curve(&known.samples, growth, known.facts.at)
    }

    /// The root under the cursor.
    pub fn current_root(&self) -> Option<&RootLine> {
        let assessment = self
            .assessment
            .as_ref()
            .filter(|_| self.view == View::Roots)?;
        assessment.roots.get(self.roots.cursor)
    }

    /// The path at a place of the plan's list.
    pub fn plan_row(&self, at: usize) -> Option<Row> {
        let collection = &self.plan_of_form()?.collection;
        if self.paths {
            collection.order.get(at).copied()
        } else {
            collection.groups.get(at).map(|group| group.top)
        }
    }

    /// The path under the cursor.
    pub fn current_row(&self) -> Option<Row> {
        self.row_at(self.list().cursor)
    }

    /// The path of a line of the list in view.
    pub fn row_at(&self, at: usize) -> Option<Row> {
        match self.view {
            View::Plan => self.plan_row(at),
            View::Roots => self.assessment.as_ref()?.roots.get(at)?.row,
            View::Heaviest => Some(self.assessment.as_ref()?.heaviest.get(at)?.row),
            View::Growth => None,
        }
    }

    /// The rows in view whose closures have a column.
    pub fn in_view(&self, size: (u16, u16)) -> Vec<Row> {
        let Some(assessment) = &self.assessment else {
            return vec![];
        };
        let height = usize::from(areas::areas(size, self).list.height);
        let view = self.list().view(self.rows(), height);
        match self.view {
            View::Roots => {
                let lines = assessment.roots.get(view).unwrap_or_default();
                lines.iter().filter_map(|line| line.row).collect()
            }
            View::Heaviest => {
                let lines = assessment.heaviest.get(view).unwrap_or_default();
                lines.iter().map(|heavy| heavy.row).collect()
            }
            View::Plan | View::Growth => vec![],
        }
    }

    /// Steps in the list in view, of so many rows.
    pub fn step(&mut self, step: Move, height: usize) {
        let rows = self.rows();
        self.list_mut().step(step, rows, height);
        self.note_cursor();
    }

    /// Goes so many views to the right.
    pub fn turn(&mut self, by: usize) {
        self.view = self.view.turn(by);
        self.note_cursor();
    }

    /// Lists packages, or every path.
    pub fn list_every_path(&mut self, every: bool) {
        self.paths = every;
        self.plan = List::default();
        self.note_cursor();
    }

    /// Remembers what is under the cursors and beside it.
    pub fn note_cursor(&mut self) {
        // Without a plan yet, as after a newer look, what was under the cursor before is still wanted.
        if self.planned.is_some() {
            self.plan_anchors = near(self.plan.cursor, self.plan_rows())
                .filter_map(|at| self.plan_row(at))
                .collect();
        }
        if let Some(assessment) = &self.assessment {
            self.root_anchors = near(self.roots.cursor, assessment.roots.len())
                .filter_map(|at| Some(assessment.roots.get(at)?.root.link.clone()))
                .collect();
            self.heavy_anchors = near(self.heaviest.cursor, assessment.heaviest.len())
                .filter_map(|at| Some(assessment.heaviest.get(at)?.row))
                .collect();
        }
    }

    /// What follows from a newer look; cursors stay on what they were on, or go to its neighbour. Rows of another
    /// numbering are carried over before, with [`Space::carry`].
    pub fn take(&mut self, assessment: Arc<SpaceAssessment>) {
        let links = assessment.roots.iter().map(|line| line.root.link.clone());
        if let Some(at) = first_of(&self.root_anchors, links) {
            self.roots.cursor = at;
        }
        let heavy = assessment.heaviest.iter().map(|heavy| heavy.row);
        if let Some(at) = first_of(&self.heavy_anchors, heavy) {
            self.heaviest.cursor = at;
        }
        self.assessment = Some(assessment);
        self.working = false;
        self.note_cursor();
    }

    /// A newer plan; the cursor stays on its path, or goes to its neighbour.
    pub fn replan(&mut self, planned: Planned) {
        self.planned = Some(planned);
        self.stale = false;
        let rows = (0..self.plan_rows()).filter_map(|at| self.plan_row(at));
        if let Some(at) = first_of(&self.plan_anchors, rows) {
            self.plan.cursor = at;
        }
        self.note_cursor();
    }

    /// Rows have other numbers now: what names them by number goes, but for the cursors.
    pub fn carry(&mut self, carry: impl Fn(Row) -> Option<Row>) {
        self.assessment = None;
        self.planned = None;
        for anchors in [&mut self.plan_anchors, &mut self.heavy_anchors] {
            *anchors = anchors.iter().copied().filter_map(&carry).collect();
        }
    }
}
