package route

// MaxCommunities is half of an UPDATE, in octets (RFC 4271, section 4.3): the rest is for the path
// and the prefixes.
const MaxCommunities = 2000

// Size returns how many octets the communities take in an UPDATE.
func (c Communities) Size() int {
	return 4*len(c.Standard) + 12*len(c.Large) + 8*len(c.Extended)
}

// Size returns how many octets the communities take; 0 for nil.
func (a *Attributes) Size() int {
	if a == nil {
		return 0
	}
	return a.Communities.Size()
}
