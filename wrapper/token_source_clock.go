package wrapper

import "time"

// instant is a reading of both clocks, in nanoseconds.
type instant struct{ wall, monotonic int64 }

// origin is where the monotonic clock is read from; which moment it is does not matter.
var origin = time.Now()

func now() instant {
	t := time.Now()
	return instant{wall: t.UnixNano(), monotonic: int64(t.Sub(origin))}
}

func (i instant) add(d time.Duration) instant {
	return instant{wall: i.wall + int64(d), monotonic: i.monotonic + int64(d)}
}

// until returns how much is left until another instant, by the clock that says less; what has passed is negative.
func (i instant) until(another instant) time.Duration {
	return time.Duration(min(another.wall-i.wall, another.monotonic-i.monotonic))
}
