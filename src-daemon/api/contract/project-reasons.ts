/** Why a folder is no project, and why the spiders of one could not be listed. */
export const PROJECT_REASONS = {
  // Why its spiders could not be listed.
  notListed: 'the spiders of {project} cannot be listed: {detail}',
  listTooLong: 'listing the spiders of {project} took longer than {seconds} s',
  listTimeout: 'listing the spiders of {project} took longer than {seconds} seconds',
  listTimeoutAt: 'listing the spiders of {project} took longer than {seconds} seconds (it was importing {module})',
  listEndedWith: 'listing the spiders of {project} ended Python with exit code {code}; it printed:\n{printed}',
  listEnded: 'listing the spiders of {project} ended Python with exit code {code}',
  listKilledWith: 'listing the spiders of {project} ended Python by {signal}; it printed:\n{printed}',
  listKilled: 'listing the spiders of {project} ended Python by {signal}',
  importEndedWith: 'importing {module} ended Python with exit code {code}; it printed:\n{printed}',
  importEnded: 'importing {module} ended Python with exit code {code}',
  importKilledWith: 'importing {module} ended Python by {signal}; it printed:\n{printed}',
  importKilled: 'importing {module} ended Python by {signal}',

  // Why its code cannot be used.
  notUsable: "project '{project}' cannot be used: {detail}",
  notAFolder: '{path} is not a folder',
  folderUnread: 'the folder {path} cannot be read: {detail}',
  noScrapyCfg: '{path} holds no scrapy.cfg, neither itself nor within two levels up or down',
  missing: 'does not exist',
  noSettings: 'names no settings module; it takes `{line}`',
  noEntry: "has no entry '{project}' and no 'default', but {entries}",

  // Why it cannot be added.
  badProject: 'project is invalid: {detail}',
  badPath: 'path is invalid: {detail}',
  pathHoldsNul: 'it holds a NUL character',
  relativePath: '{given} is not an absolute path',
  pathNeeded: "'path' parameter is required: local_crawler_code_path is not set on this node",
  nameNeeded: 'a project needs a name',
  notAName: "'{name}' is not a project's name",
  nameHoldsSlash: 'the name of a project holds no / and no \\',
  nameHoldsControl: 'the name of a project holds no control characters',
  nameTooLong: 'the name of a project has at most {n} characters',
  nameTooLarge: 'the name of a project has at most {n} bytes in UTF-8',
} as const
