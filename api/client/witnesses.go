package client

import (
	"context"
	"time"
)

// Witnesses is who cosigns the log's heads, in the log's words: whoever is to be convinced holds published heads against a policy of her own.
type Witnesses struct {
	Quorum    string // whose cosignatures the log asks for before it calls a head witnessed; "none" if it asks nobody
	Satisfied bool   // the newest published head has them
	Size      int64  // of that head
	List      []WitnessState
}

// WitnessState is how the log stands with one witness.
type WitnessState struct {
	Name, Key string
	State     string // "fresh", "behind", "trouble" or "not-asked"
	Alarm     bool   // it said what shows a fork, or a witness's mistake
	Unawaited bool   // it cosigned nothing for so long that heads don't wait for it any more, though it is asked
	Size      int64  // of the newest head that it cosigned; 0 for none
	Asked     time.Time
	Cosigned  time.Time // its own clock
}

// Witnesses asks who cosigns the log's heads, and how fresh they are.
func (c *Client) Witnesses(ctx context.Context) (*Witnesses, error) {
	var wire struct {
		Quorum    string `json:"quorum"`
		Satisfied bool   `json:"satisfied"`
		Size      int64  `json:"size"`
		Witnesses []struct {
			Alarm     bool   `json:"alarm"`
			Asked     int64  `json:"asked"`
			Cosigned  int64  `json:"cosigned"`
			Key       string `json:"key"`
			Name      string `json:"name"`
			Size      int64  `json:"size"`
			State     string `json:"state"`
			Unawaited bool   `json:"unawaited"`
		} `json:"witnesses"`
	}
	if err := c.get(ctx, "v1/witnesses", nil, maxSmall, &wire); err != nil {
		return nil, err
	}
	w := &Witnesses{Quorum: wire.Quorum, Satisfied: wire.Satisfied, Size: wire.Size}
	for _, one := range wire.Witnesses {
		switch one.State {
		case "fresh", "behind", "trouble", "not-asked":
		default:
			return nil, alarm(nil, "the log says of a witness what it can't")
		}
		w.List = append(w.List, WitnessState{Name: one.Name, Key: one.Key, State: one.State, Alarm: one.Alarm, Unawaited: one.Unawaited, Size: one.Size,
			Asked: moment(one.Asked), Cosigned: moment(one.Cosigned)})
	}
	return w, nil
}
