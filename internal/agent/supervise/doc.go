// Package supervise starts and watches processes as PID 1 of a container must: every child has a process group of its
// own, its death is noticed at once, what it prints is passed on and its last lines are kept for a report, and orphans
// that end up with PID 1 are reaped.
package supervise
