package main

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/nearcast/nearcast/lab/functions/handler"
)

// rounds of PBKDF2 make the function compute for about a millisecond. Real passwords need hundreds of thousands.
const rounds = 1000

// identifier matches what user() derives: nothing else may appear in the store's paths.
var identifier = regexp.MustCompile(`^[0-9a-f]{16}$`)

// manager answers POST /users and GET /users/ID.
type manager struct {
	// store is the URL of the service that keeps the users.
	store string
	fetch func(method, url string, body []byte) (status int, reply []byte, err error)
}

// registration is what a client sends.
type registration struct {
	Name     string `json:"name"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

// user is what is stored.
type user struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	Key   string `json:"key,omitempty"`
}

func (m manager) answer(r handler.Request) handler.Reply {
	path, _, err := r.Split()
	asked := r.Method + " " + path
	id, one := strings.CutPrefix(asked, "GET /users/")
	switch {
	case err != nil:
		return handler.Text(400, err.Error()+"\n")
	case asked == "POST /users":
		return m.register(r.Body)
	case one && identifier.MatchString(id):
		return m.show(id)
	}
	return handler.Text(404, "the paths are POST /users and GET /users/ID\n")
}

func (m manager) register(body []byte) handler.Reply {
	var in registration
	if err := json.Unmarshal(body, &in); err != nil {
		return handler.Text(400, err.Error()+"\n")
	}
	if in.Name == "" || !strings.Contains(in.Email, "@") || in.Password == "" {
		return handler.Text(422, "a user needs a name, an email and a password\n")
	}
	u, err := in.user()
	if err != nil {
		return handler.Text(500, err.Error()+"\n")
	}
	record, err := json.Marshal(u)
	if err != nil {
		return handler.Text(500, err.Error()+"\n")
	}
	if status, _, err := m.fetch("PUT", m.store+"/users/"+u.ID, record); err != nil || status/100 != 2 {
		return unavailable(status, err)
	}
	return shown(201, u)
}

func (m manager) show(id string) handler.Reply {
	status, record, err := m.fetch("GET", m.store+"/users/"+id, nil)
	switch {
	case err == nil && status == 404:
		return handler.Text(404, "no user "+id+"\n")
	case err != nil || status != 200:
		return unavailable(status, err)
	}
	var u user
	if err := json.Unmarshal(record, &u); err != nil {
		return handler.Text(502, "the store: "+err.Error()+"\n")
	}
	return shown(200, u)
}

// user derives what is stored. The ID follows from the email, so every cluster derives the same one and a repeated
// call changes nothing.
func (in registration) user() (user, error) {
	id := sha256.Sum256([]byte(strings.ToLower(in.Email)))
	key, err := pbkdf2.Key(sha256.New, in.Password, id[:], rounds, sha256.Size)
	if err != nil {
		return user{}, err
	}
	return user{ID: hex.EncodeToString(id[:8]), Name: in.Name, Email: in.Email, Key: hex.EncodeToString(key)}, nil
}

// shown is a user without the key.
func shown(status int, u user) handler.Reply {
	u.Key = ""
	body, err := json.Marshal(u)
	if err != nil {
		return handler.Text(500, err.Error()+"\n")
	}
	return handler.Reply{Status: status, ContentType: "application/json", Body: append(body, '\n')}
}

func unavailable(status int, err error) handler.Reply {
	if err != nil {
		return handler.Text(502, fmt.Sprintf("the store: %v\n", err))
	}
	return handler.Text(502, fmt.Sprintf("the store: status %d\n", status))
}
