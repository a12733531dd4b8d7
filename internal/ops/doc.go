// Package ops carries out operation requests: one engine for all kinds of databases and all types of operations.
//
// An operation is a recipe, a list of steps (package step). The engine goes round: observe, choose, write down, act. It
// keeps nothing in memory that matters. Everything an operation needs to know after a SIGKILL stands in the request's
// status: one condition per step, and the journal with the step's deadline, the chosen pods and the spec before and
// after.
//
// # The frame
//
// A request is admitted, waits for its turn and for the database to be ready, plans, pauses the database, takes its
// steps, and resumes the database, whatever happened. A step that fails turns the operation round: the recipe's undo
// steps follow, and the request ends Failed with the former state in force.
//
// # Why nothing is done twice
//
//   - Each side effect follows a successful write of the request's status, which carries the resource version of the
//     status that was decided on. Two engines that decide on the same state cannot both get past it.
//   - Each side effect carries a precondition taken before that write: the UID of a pod, the resource version of a
//     Secret, PetSet or database. An engine that was stopped in between and wakes up late is refused by the API server.
//   - What is decided on is read from the API server, not from a cache. Caches only say when to look.
//
// # Why the database is always resumed
//
// A database is paused by its condition Paused, which names the request and its UID; the condition is also the lock: only
// one request can hold it, and only its holder takes it away. From before it is taken until after it is given back the
// request carries a finalizer, so a request that is deleted half way is still there to be undone. Should somebody
// remove the finalizer by force, the database is resumed when the engine next hears of it: its holder does not exist.
package ops
