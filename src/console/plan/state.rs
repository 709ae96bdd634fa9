//! The dialog before a change: what is wanted, what was chosen and typed, and the plan once it is made.

use crate::change::access::LIFETIMES;
use crate::change::{KeySource, Plan};
use crate::console::plan::certificate;
use crate::console::plan::expiry::expiry;
use crate::console::plan::install;
use crate::console::plan::request::PlanRequest;
use crate::console::plan::revisions::revisions;
use crate::console::types::access::AccessSnapshot;
use crate::console::types::ask::Source;
use crate::console::types::assessment::SpaceAssessment;
use crate::console::types::change::ChangeKind;
use crate::console::types::context::Context;
use crate::console::types::problem::Problem;
use crate::console::types::secret::Secret;
use crate::console::widgets::theme::Theme;
use crate::domain::notice;
use crate::domain::{Age, When};
use crate::inventory::Query;
use std::sync::Arc;
use tui_input::Input;

/// How old generations are that go, before anyone has said.
const OLD: &str = "30d";

/// What the dialog reads besides the context.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Keys that can sign.
    pub sources: &'a [Source],
    /// Who may log in.
    pub access: Option<&'a Arc<AccessSnapshot>>,
    /// What is dead and what roots keep.
    pub assessment: Option<&'a Arc<SpaceAssessment>>,
    /// The styles of its rows.
    pub theme: &'a Theme,
}

/// What keys type into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The public key that shall be authorized.
    Key,
    /// The answer to a challenge.
    Answer,
    /// The name of a pin.
    Name,
    /// Until when a pin keeps.
    Expires,
    /// How many revisions of a pin that moves are kept, and for how long.
    Revisions,
    /// How old the generations are that go.
    Age,
    /// From where a key may be used, as in `from=`; empty: from anywhere.
    From,
    /// The comment of a key's line; empty: the key's own.
    Comment,
    /// The file of an authority's key.
    Authority,
    /// The names of a certificate.
    Names,
    /// The id of a certificate.
    Id,
    /// The file of a certificate.
    File,
    /// What a rotation leaves out.
    Except,
    /// The names that auto-sign signs.
    Signs,
    /// The names that it never signs.
    Never,
    /// The keys whose uploads it signs.
    Uploaders,
    /// When the policy timer runs.
    When,
    /// The program that it runs.
    Program,
    /// Days of a lease.
    Days,
    /// Why.
    Reason,
    /// The word that confirms.
    Word,
}

/// What is typed.
#[derive(Debug, Default)]
pub struct Texts {
    pub name: Input,
    pub expires: Input,
    pub revisions: Input,
    pub age: Input,
    pub from: Input,
    pub comment: Input,
    pub authority: Input,
    pub names: Input,
    pub id: Input,
    pub file: Input,
    pub except: Input,
    pub signs: Input,
    pub never: Input,
    pub uploaders: Input,
    pub when: Input,
    pub program: Input,
    pub days: Input,
    pub reason: Input,
    pub word: Input,
}

impl Texts {
    /// The text of a field; a key and an answer may be a private key by mistake, and are kept elsewhere.
    pub const fn of(&self, field: Field) -> Option<&Input> {
        Some(match field {
            Field::Key | Field::Answer => return None,
            Field::Name => &self.name,
            Field::Expires => &self.expires,
            Field::Revisions => &self.revisions,
            Field::Age => &self.age,
            Field::From => &self.from,
            Field::Comment => &self.comment,
            Field::Authority => &self.authority,
            Field::Names => &self.names,
            Field::Id => &self.id,
            Field::File => &self.file,
            Field::Except => &self.except,
            Field::Signs => &self.signs,
            Field::Never => &self.never,
            Field::Uploaders => &self.uploaders,
            Field::When => &self.when,
            Field::Program => &self.program,
            Field::Days => &self.days,
            Field::Reason => &self.reason,
            Field::Word => &self.word,
        })
    }

    /// The same, to be written in.
    pub const fn of_mut(&mut self, field: Field) -> Option<&mut Input> {
        Some(match field {
            Field::Key | Field::Answer => return None,
            Field::Name => &mut self.name,
            Field::Expires => &mut self.expires,
            Field::Revisions => &mut self.revisions,
            Field::Age => &mut self.age,
            Field::From => &mut self.from,
            Field::Comment => &mut self.comment,
            Field::Authority => &mut self.authority,
            Field::Names => &mut self.names,
            Field::Id => &mut self.id,
            Field::File => &mut self.file,
            Field::Except => &mut self.except,
            Field::Signs => &mut self.signs,
            Field::Never => &mut self.never,
            Field::Uploaders => &mut self.uploaders,
            Field::When => &mut self.when,
            Field::Program => &mut self.program,
            Field::Days => &mut self.days,
            Field::Reason => &mut self.reason,
            Field::Word => &mut self.word,
        })
    }
}

/// What is chosen by a key.
#[derive(Debug)]
pub struct Choices {
    /// Sign with what the paths depend on.
    pub closure: bool,
    /// Sign also what another trusted key has signed.
    pub upstream: bool,
    /// The key that signs, by its place in [`Inputs::sources`].
    pub source: usize,
    /// How long a key is good, by its place in [`LIFETIMES`].
    pub lifetime: usize,
    /// End the open sessions of a revoked key.
    pub end_sessions: bool,
}

#[derive(Debug)]
pub struct PlanDialog {
    /// What shall be changed.
    pub change: ChangeKind,
    /// What is under the cursor and not marked, so that it is not signed.
    pub instead_of: Option<String>,
    /// The plan, once it is made.
    pub plan: Option<Result<Box<Plan>, Problem>>,
    /// The number of the newest request for a plan.
    pub request_id: u64,
    /// The plan's warnings were all on the screen in its list.
    pub read: bool,
    /// What keys type into.
    pub typing: Option<Field>,
    /// What is typed.
    pub texts: Texts,
    /// A key or an answer as it is typed or pasted. It may be a private key by mistake, so it is wiped.
    pub pasted: Secret,
    /// What is chosen.
    pub choices: Choices,
}

impl PlanDialog {
    /// One that has asked for no plan yet. `lifetime`: what it begins with, by its place in [`LIFETIMES`].
    pub fn new(change: ChangeKind, lifetime: usize) -> Self {
        let typing = change.waits_for_key().then_some(Field::Key);
        Self {
            change,
            instead_of: None,
            plan: None,
            request_id: 0,
            read: false,
            typing,
            texts: Texts {
                age: Input::new(OLD.to_owned()),
                ..Texts::default()
            },
            pasted: Secret::new(),
            choices: Choices {
                closure: false,
                upstream: false,
                source: 0,
                lifetime,
                end_sessions: true,
            },
        }
    }

    /// The plan that is made.
    pub fn made(&self) -> Option<&Plan> {
        self.plan.as_ref()?.as_deref().ok()
    }

    /// The word that the plan takes.
    pub fn word(&self) -> Option<&str> {
        self.made()?.word()
    }

    /// What the plan is made of; `None` while something is missing, which the dialog then says.
    pub(super) fn request(
        &mut self,
        cx: &mut Context,
        inputs: &Inputs<'_>,
    ) -> Option<Box<PlanRequest>> {
        self.request_id = cx.next_number();
        match self.made_of(cx, inputs) {
            Ok(request) => request.map(Box::new),
            Err(problem) => {
                self.plan = Some(Err(problem));
                None
            }
        }
    }

    fn made_of(&self, cx: &Context, inputs: &Inputs<'_>) -> Result<Option<PlanRequest>, Problem> {
        use crate::console::types::change::AccessChange;
        let typed = |input: &Input| input.value().trim().to_owned();
        let texts = &self.texts;
        let mut request = PlanRequest {
            change: self.change.clone(),
            inventory: cx.data.inventory.clone(),
            assessment: inputs.assessment.cloned(),
            access: inputs.access.cloned(),
            key: None,
            closure: self.choices.closure,
            upstream: self.choices.upstream,
            expires: None,
            end_sessions: self.choices.end_sessions,
            name: typed(&texts.name),
            revisions: None,
            age: Age(0),
            from: typed(&texts.from),
            comment: typed(&texts.comment),
            certificate: None,
            except: None,
            installs: None,
            reason: Some(typed(&texts.reason)).filter(|reason| !reason.is_empty()),
        };
        match &self.change {
            ChangeKind::Sign(_) if request.inventory.is_none() => return Ok(None),
            ChangeKind::Sign(_) => {
                request.key = Some(self.signs_with(cx, inputs)?);
                if self.change.rotates() && !typed(&texts.except).is_empty() {
                    let query = Query::parse(texts.except.value()).map_err(Problem::say)?;
                    request.except = Some(query);
                }
            }
            ChangeKind::Push(_) => {
                request.key = Some(self.signs_with(cx, inputs)?);
                request.expires = expiry(texts.expires.value(), cx.now).map_err(Problem::say)?;
            }
            ChangeKind::Access(AccessChange::Prove(_, None)) => return Ok(None),
            ChangeKind::Access(_) if self.change.waits_for_key() => return Ok(None),
            ChangeKind::Access(_) if request.access.is_none() => return Ok(None),
            ChangeKind::Access(AccessChange::Certify(_)) => {
                request.certificate = Some(certificate::fields(texts)?);
                request.expires = Some(certificate::end(texts, cx.now)?);
            }
            ChangeKind::Access(_) => {
                let (_, seconds) = LIFETIMES[self.choices.lifetime % LIFETIMES.len()];
                let seconds = seconds.filter(|_| self.change.has_lifetime());
                let end = |seconds| When::from_unix(cx.now.unix() + seconds);
                request.expires = seconds.map(end);
            }
            ChangeKind::Remove(_) => {}
            ChangeKind::Install(what) => request.installs = Some(install::fields(*what, texts)?),
            ChangeKind::Two(_) => {
                let signs = self.change.signs();
                request.certificate = signs.then(|| certificate::fields(texts)).transpose()?;
            }
            ChangeKind::Space(_) => {
                request.expires = expiry(texts.expires.value(), cx.now).map_err(Problem::say)?;
                request.revisions = revisions(texts.revisions.value()).map_err(Problem::say)?;
                request.age = texts.age.value().trim().parse().map_err(Problem::say)?;
            }
        }
        Ok(Some(request))
    }

    fn signs_with(&self, cx: &Context, inputs: &Inputs<'_>) -> Result<KeySource, Problem> {
        if let Some(source) = inputs.sources.get(self.choices.source) {
            return Ok(source.key.clone());
        }
        let keys = cx.facts.iter().flat_map(|facts| &facts.signing_keys);
        let broken = keys.filter_map(|key| Some((&key.file, key.problem.as_ref()?)));
        Err(match broken.into_iter().next() {
            Some((file, why)) => Problem::say(
                why.clone()
                    .after(format_args!("the server's key {file} cannot sign: ")),
            ),
            None => Problem::say(notice!(
                "no key can sign here",
                "set secret-key-files in the server's nix.conf, signing_key in the configuration, or start with --key-file"
            )),
        })
    }
}
