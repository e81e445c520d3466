package main

import "math"

// The bodies, the units (astronomical units, years, solar masses) and the step are those of the Computer Language
// Benchmarks Game, with known energies.
const (
	solarMass   = 4 * math.Pi * math.Pi
	daysPerYear = 365.24
	step        = 0.01
)

type vector [3]float64

type body struct {
	position, velocity vector
	mass               float64
}

// planet takes a velocity per day and a mass in Suns.
func planet(position, velocity vector, mass float64) body {
	return body{position, velocity.times(daysPerYear), mass * solarMass}
}

func (v vector) times(f float64) vector { return vector{v[0] * f, v[1] * f, v[2] * f} }

func (v vector) minus(w vector) vector { return vector{v[0] - w[0], v[1] - w[1], v[2] - w[2]} }

func (v vector) square() float64 { return v[0]*v[0] + v[1]*v[1] + v[2]*v[2] }

// solarSystem is the Sun, Jupiter, Saturn, Uranus and Neptune, at rest as a whole.
func solarSystem() []body {
	bodies := []body{
		{mass: solarMass},
		planet(vector{4.84143144246472090e+00, -1.16032004402742839e+00, -1.03622044471123109e-01},
			vector{1.66007664274403694e-03, 7.69901118419740425e-03, -6.90460016972063023e-05}, 9.54791938424326609e-04),
		planet(vector{8.34336671824457987e+00, 4.12479856412430479e+00, -4.03523417114321381e-01},
			vector{-2.76742510726411899e-03, 4.99852801234917238e-03, 2.30417297573763929e-05}, 2.85885980666130812e-04),
		planet(vector{1.28943695621391310e+01, -1.51111514016986312e+01, -2.23307578892655734e-01},
			vector{2.96460137564761618e-03, 2.37847173959480950e-03, -2.96589568540237556e-05}, 4.36624404335156298e-05),
		planet(vector{1.53796971148509165e+01, -2.59193146099879641e+01, 1.79258772950371181e-01},
			vector{2.68067772490389322e-03, 1.62824170038242295e-03, -9.51592254519715870e-05}, 5.15138902046611451e-05),
	}
	for _, b := range bodies[1:] {
		bodies[0].velocity = bodies[0].velocity.minus(b.velocity.times(b.mass / solarMass))
	}
	return bodies
}

// simulate returns the energy before and after a number of steps.
func simulate(steps int) (before, after float64) {
	bodies := solarSystem()
	before = energy(bodies)
	for range steps {
		advance(bodies)
	}
	return before, energy(bodies)
}

func energy(bodies []body) (e float64) {
	for i, b := range bodies {
		e += b.mass * b.velocity.square() / 2
		for _, other := range bodies[i+1:] {
			e -= b.mass * other.mass / math.Sqrt(b.position.minus(other.position).square())
		}
	}
	return e
}

func advance(bodies []body) {
	for i := range bodies {
		a := &bodies[i]
		for j := i + 1; j < len(bodies); j++ {
			b := &bodies[j]
			apart := a.position.minus(b.position)
			square := apart.square()
			pull := step / (square * math.Sqrt(square))
			a.velocity = a.velocity.minus(apart.times(b.mass * pull))
			b.velocity = b.velocity.minus(apart.times(-a.mass * pull))
		}
	}
	for i := range bodies {
		b := &bodies[i]
		b.position = b.position.minus(b.velocity.times(-step))
	}
}
