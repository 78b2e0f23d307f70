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

// since returns how much time has passed between two readings, by the clock that says more.
func (i instant) since(earlier instant) time.Duration {
	return time.Duration(max(i.wall-earlier.wall, i.monotonic-earlier.monotonic))
}
