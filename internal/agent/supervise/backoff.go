package supervise

import "time"

// Backoff grows the pause before the next attempt and forgets about it after a long good run.
type Backoff struct {
	// First is the pause after the first failure, Max the longest.
	First, Max time.Duration

	next time.Duration
}

// After returns the pause to make when the last attempt lived so long.
func (b *Backoff) After(lived time.Duration) time.Duration {
	if b.next == 0 || lived > 2*b.Max {
		b.next = b.First
		return b.next
	}
	b.next = min(2*b.next, b.Max)
	return b.next
}

// Reset forgets all failures.
func (b *Backoff) Reset() { b.next = 0 }
