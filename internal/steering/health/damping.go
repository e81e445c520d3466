package health

import (
	"math"
	"time"
)

// damping holds back a target that changes too often, as route flap damping does (RFC
// 2439): each fall adds a penalty, which decays.
type damping struct {
	penalty float64
	at      time.Time
	held    bool
}

// The parameters of damping: three falls within the half-life hold a target back; it is
// used again when the penalty has decayed to less than three quarters of one fall.
const (
	halfLifeIntervals = 24 // two minutes of the default interval
	suppressAbove     = 2.5
	reuseBelow        = 0.75
)

// observe counts a fall, if there was one, at now, and reports whether the target is held
// back.
func (d *damping) observe(fell bool, now time.Time, interval time.Duration) bool {
	if d.penalty > 0 {
		halfLives := float64(now.Sub(d.at)) / float64(halfLifeIntervals*interval)
		d.penalty *= math.Exp2(-halfLives)
	}
	d.at = now
	if fell {
		d.penalty++
	}
	switch {
	case d.penalty > suppressAbove:
		d.held = true
	case d.penalty < reuseBelow:
		d.held = false
	}
	return d.held
}
