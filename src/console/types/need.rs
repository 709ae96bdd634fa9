//! What an action needs, to be possible.
//!
//! In: nothing. Out: [`Need`], a column of the action table. Whether it is there is asked of the model, by `console::app::reasons`.

/// What has to be there before an action can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it can always be done.
    Nothing,
    /// A connection.
    Connection,
    /// A connection, and the right to change the server.
    Change,
    /// A list that is not empty.
    Rows,
    /// The same, with all of its rows known.
    AllRows,
    /// Marked paths.
    Marks,
    /// A search on this list.
    Search,
    /// A running job under the cursor.
    Job,
    /// A receipt of a change that can be taken back.
    Undo,
    /// Another server in the configuration.
    Servers,
    /// A server that may have plans waiting for a second administrator.
    WaitingPlans,
    /// Paths to sign.
    Sign,
    /// Refused paths in the store.
    SignAll,
    /// A store that was read to its end, to see what each key has signed.
    Rotate,
    /// Screen 4, and the right to change who may log in.
    Access,
    /// A key file that can be edited.
    Authorize,
    /// A request under the cursor.
    Deny,
    /// A key under the cursor whose file can be edited.
    EditKey,
    /// The same, or a request.
    Expire,
    /// A request under the cursor that is not proven yet.
    Prove,
    /// Who may log in.
    Review,
    /// The same, and a connection.
    AskAccess,
    /// The key of a client under the cursor.
    Client,
    /// A path under the cursor, and clients.
    ChooseClient,
    /// An open session under the cursor.
    Session,
    /// Something dead to collect by the rules.
    Collect,
    /// Something dead.
    CollectWhole,
    /// Roots that are known.
    RemoveGenerations,
    /// The planner with its rules.
    EditRules,
    /// A retention policy on the server.
    Policy,
    /// The plan of screen 5.
    Planner,
    /// Paths to pin.
    Pin,
    /// A root or pin under the cursor that can be removed.
    Unroot,
    /// Pins that have expired.
    ExpiredPins,
    /// Revisions of pins that have expired.
    ExpiredRevisions,
    /// Paths to delete.
    Delete,
    /// No other backup that runs.
    BackUp,
    /// Paths to verify.
    Verify,
    /// A store to verify.
    VerifyAll,
    /// Something damaged that was found.
    Damage,
    /// A path under the cursor that something keeps, or two paths.
    AskWhy,
}
