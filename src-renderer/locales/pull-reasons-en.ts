/** The daemon's sentences of git and of pulls: exactly its words (checked by a test), as they are known by them. */
export const pullReasonsEn = {
  pulledBut: '{pulled}; but {detail}',
  editsAsideAfter: '{failed}; local edits were put aside: {stashed}',
  editsAside: 'local edits were put aside: {stashed}',
  stashedMore: '{files} and {n} more (back with: git stash apply {commit})',
  stashed: '{files} (back with: git stash apply {commit})',
  upToDate: 'already up to date at {commit}',
  pulledTo: '{from} -> {to}',
  switched: "switched from '{before}' to '{branch}'",
  switchedDetached: "switched from a detached HEAD to '{branch}'",
  notPushed: '{commits} here not pushed',
  noCommit: 'no commit',
  oneCommit: '1 commit',
  manyCommits: '{n} commits',

  noCommitList: 'cannot read the commits of {root}: {detail}',
  noComparison: 'cannot compare commits of {root}: {detail}',
  noTip: 'cannot read the commit of {root}: {detail}',
  noHead: 'cannot read HEAD of {root}: {detail}',
  noState: 'cannot read the state of {root}: {detail}',
  noGitConfig: "cannot read git's configuration of {root}: {detail}",
  noBranches: 'cannot read the branches of {root}: {detail}',
  noSubmodules: 'cannot read the submodules of {root}: {detail}',
  notReadable: 'cannot read {root}: {detail}',
  notStashed: 'cannot put the local edits in {root} aside: {detail}',
  notFetched: "cannot fetch '{branch}': {detail}",
  notBrought: "cannot bring {root} to {commit} of '{branch}': {detail}",
  submodulesStay: 'cannot update the submodules of {root}: {detail}',

  gitSaid: '{cause} (git: {said})',
  gitStatus: 'git ended with status {status}',
  gitWords: "git said '{said}'",
  theRemote: 'the remote',
  namedRemote: "the remote '{remote}'",
  dubiousOwner:
    'git refuses {folder}: the folder belongs to another user than user {user}, who runs the daemon. Allow it as that user with: {command}',
  noCredentials:
    'credentials are missing for {url}: store them for the user who runs the daemon (git credential helper, or an SSH key), nobody is asked',
  wrongCredentials:
    'credentials are missing or wrong for {where}: store them for the user who runs the daemon (git credential helper, or an SSH key), nobody is asked',
  noKey:
    'credentials are missing for {host}: it accepts no SSH key of user {user}, who runs the daemon (a key with a passphrase has to be in an ssh-agent)',
  noHostKey: 'the host key of {where} is not known to user {user}, who runs the daemon: connect once by hand with ssh',
  noAccess: '{where} refuses access (403): the credentials do not allow to read the repository',
  noBranch: "{where} has no branch '{branch}'",
  locked:
    'another git process holds {file}; if none is running, one was killed there: delete the file, then pull again',
  lockedFor:
    'another git process holds {file} (for {seconds} s); if none is running, one was killed there: delete the file ({command}), then pull again',
  noRepository: '{where} is not there (any more), or the credentials do not allow to see it',
  unresolved: 'the name {host} cannot be resolved',
  noReach: '{where} cannot be reached',
  noReply: '{where} does not answer',
  diskFull: 'the disk of {root} is full',
  notGit: '{root} is not a git repository',
  mergeOpen: 'a merge in {root} was never finished: finish it or take it back ({command}), then pull again',

  gitMissing: 'git is not installed on this node',
  gitStopped: 'git {verb} was stopped',
  gitTooLong: 'git {verb} took longer than {seconds} s',
  gitFailed: 'git {verb} failed: {detail}',
  gitMute: 'git {verb} gave no answer',

  pullOff:
    "pulling code is switched off on node '{node}' (option pull_code_by_git of [cluster]); switch it on, or bring the code there another way",
  pullStopped: 'the pull was stopped',
  pulledElsewhere: '{root} is being pulled by process {pid} on {machine} ({file})',
  notWritten: '{path} cannot be written: {detail}',
  outsideGit: '{path} is not in a git repository: there is no history, and nothing to pull from',
  nothingToPull: '{path} is not in a git repository: there is nothing to pull',
  unknownCommits: 'the repository of {path} does not know all of {range}',
  notABranch: "'{branch}' is not the name of a branch",
  noRemote: "there is nowhere to pull {root} from: it has no remote and branch '{branch}' follows none",
  noOrigin:
    "there is nowhere to pull {root} from: it has the remotes {remotes}, none is 'origin' and branch '{branch}' follows none",
  detached:
    '{root} is at no branch (HEAD is detached at {commit}): check a branch out, or name one by the option `branch` of [cluster]',
  unfinished: '{root} is in the middle of a merge or rebase ({file}): finish it or take it back first',
  orphan:
    'diverged: HEAD is detached at {commit}, which no branch has; nothing was changed. Give it a branch ({command}), then pull again',
  orphanSubmodule: 'diverged: submodule {folder} holds commits that no branch has; give them a branch first',
  rewritten:
    "diverged: '{remote}' has rewritten the history of '{branch}' ({commits} that were there are gone); nothing was changed. To follow it: {command}",
  diverged:
    "diverged: '{branch}' has {commits} here that '{remote}' does not have, and lacks {n}; nothing was changed. Push or rebase them by hand in {root}",
} as const
