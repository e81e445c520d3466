package route

// With returns the attributes of a state together with those that a VIP, an aggregate, a pool or a
// peer adds; more may be nil. up is the local preference of the state up.
//
// The additions keep the order of the states: prepends and MEDs are summed, and the local
// preference shifts all states by the same distance. The link bandwidth comes from config.States.Of.
func (a Attributes) With(more *Attributes, up uint32) Attributes {
	if more == nil {
		return a
	}
	a.Prepend += more.Prepend
	if more.MED != nil {
		a.MED = new(ValueOr(a.MED, 0) + *more.MED)
	}
	if more.LocalPreference != nil {
		a.LocalPreference = new(ShiftPreference(ValueOr(a.LocalPreference, DefaultPreference), up, *more.LocalPreference))
	}
	a.Communities = a.Communities.And(more.Communities)
	return a
}

// ScaleBandwidth scales the link bandwidth b of a state when the bandwidth of the state up changes
// from up to to. It keeps the proportion and returns at least 1K.
func ScaleBandwidth(b, up, to Bandwidth) Bandwidth {
	if up == 0 || b == up {
		return to
	}
	part := float64(to) * float64(b) / float64(up)
	return max(kilobit, Bandwidth(part/float64(kilobit))*kilobit)
}

// ShiftPreference shifts a state's local preference when that of the state up changes from up to to.
// It returns at least 1, so that only a leaving route has 0; 0 stays 0.
func ShiftPreference(p, up, to uint32) uint32 {
	if p == 0 {
		return 0
	}
	return uint32(max(1, int64(to)-int64(up)+int64(p)))
}
