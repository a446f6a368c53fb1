//! What the help of invalidations says after the flags.

pub(super) const NODES_HELP: &str = "\
Columns:
  NODE       the name of the server: --node-name, or the name of its host
  ID         another one after each start
  TABS       its open tabs
  HEADCOUNT  the version of headcount that it runs
  BEHIND     commands that it has yet to read
  STATE      here for the server that answers; draining while it lets its tabs go;
             clock +3600 s where its clock is wrong";

pub(super) const INVALIDATIONS_HELP: &str = "\
Columns:
  ID             the number of the invalidation, for `headcount lift`; releases share the series
  MATCH          the routes that it applies to
  WHOM           the tabs on them: outdated ones are on an older release than SINCE RELEASE
  ASKS           refresh reloads a tab; prompt lets its user decide
  SINCE RELEASE  the release that was current when the invalidation was given
  STANDS UNTIL   when it ends by itself
  OPEN           how many of the tabs it is open to, and whether it opens further; only where one is in
                 waves

The others count tabs. A tab that was told is in at most one of the columns after TOLD:
  MATCHED   tabs that the invalidation applies to, told or not
  TOLD      tabs that were told to refresh
  RELOADED  tabs that came back with a new page load
  HELD      tabs that hold the refresh, because they have work that is not saved
  WAITING   tabs that wait, because the app still serves the old build, or an error
  PROMPTED  tabs that asked their user, who has not answered
  STUCK     tabs that reloaded and still have the old build
  GONE      tabs that were told and have left
  UNKNOWN   tabs of which the server cannot say whether they match; only where there are any";

pub(super) const INVALIDATE_HELP: &str = "\
By default the rule applies to tabs on an older release than the current one, on the route and everything below it: \
/checkout also matches /checkout/pay, but not /checkout-help. Matching tabs that are open are told now. The rule stands until \
it expires: a tab that reconnects, or comes to a matching route later, is told then. No tab reloads twice for one rule.

With --over, --rate or --waves the tabs are told one after the other, each tab in its turn wherever it connects. Such a rule \
stops by itself where too many of those that were told are stuck, hold the refresh or do not come back. It then goes on only by \
`headcount resume`. `headcount pause` and `headcount abort` stop it by hand.

Examples:
  headcount invalidate /checkout --dry-run
  headcount invalidate /checkout
  headcount invalidate / --all-tabs --expires 10m
  headcount invalidate / --over 10m
  headcount invalidate / --waves 1%,10%,50%,100% --every 5m --stop-if 'stuck>1%,gone>5%'
  headcount invalidate '/products/*' --glob --version v1 --prompt";

pub(super) const COMPLETIONS_HELP: &str = "\
Packages for a system bring them along. For a binary that was copied by hand:
  bash  headcount completions bash > ~/.local/share/bash-completion/completions/headcount
  zsh   headcount completions zsh > ~/.zfunc/_headcount, with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc
  fish  headcount completions fish > ~/.config/fish/completions/headcount.fish";

pub(super) const WAIT_HELP: &str = "\
Waits until so many of the open tabs run the release, so that a script can go on with what would break older ones. On a terminal it \
keeps one line up to date, elsewhere it prints a line a minute. A server that restarts is asked again, and the time goes on.

The estimate comes from how tabs left for earlier releases and from how they leave now. It never decides anything.

With --json each change is one line: an object with `event` (progress, or how it ended: reached, timed-out, stalled, gone-back, \
partial), `hold` (why it waits: behind, not-announced, settling, few-tabs, partial, away, going), `at`, `release`, `current`, `tabs`, \
`on`, `behind`, `behindHidden`, `unknown`, `share` (0 to 1), `perMinute` and `estimate` (`low`, `median` and `high` in seconds; absent \
where it cannot be said). An end other than `reached` has a `text`.

Exit codes:
  0    reached: enough tabs run the release
  1    failure: the server answered with an error
  2    usage: an argument is wrong
  3    unreachable: no server answered in all the time
  4    unauthorized: the admin secret is missing, wrong, or not set on the server
  5    timed out: too few tabs run the release after --timeout
  6    stalled: the share has not passed its highest for --stalled
  7    gone back: another release is current now
  8    partial: nodes of the cluster are missing, also at the end
  130  interrupted

Examples:
  headcount wait --release v3
  headcount wait --release v3 --at-least 99% --on /checkout --timeout 2h --stalled 20m";
