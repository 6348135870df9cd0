/*
 * The lease and its hand-over, written down a second time and independently of the code, for the model checker spin:
 * two Regions, three contenders, a control plane. `npm run model` explores it to its end;
 * docs/decisions/0030-a-second-model-of-the-lease.md says what corresponds to what in lib/lease.
 *
 * Time goes in ticks, LEASE of them a lease, and may go on at any moment: so every contender may pause for as long as it
 * likes between any two of its steps. Whether an epoch or a heartbeat is still the one that somebody knows is kept as
 * a bit for each who knows one, which falls with every change of it: so neither has an upper bound here.
 *
 * Safety (the default): at the instant of every new epoch no order sent under an older one can still be accepted, and none is ever
 * sent beside another's. -DLIVE: each step of a contender is whole and within a tick, nothing fails; then a drain ends, and
 * unless the book stays halted somebody trades again and again.
 *
 * -DMUTANT=… leaves one rule out; `npm run model` sees that each is caught.
 */
#ifndef LEASE
#define LEASE 2
#endif
#ifndef CONTROLS
#define CONTROLS 2   /* writes of the control plane on one path */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef DOUBTS
#define DOUBTS 1     /* writes without an answer in time on one path */
#endif
#ifndef MUTANT
#define MUTANT 0
#endif
#define NO_WAIT 1              /* a take-over does not wait for the lease to run out */
#define FROM_ANSWER 2          /* validity counts from the answer, not from the sending */
#define NO_EXPIRY 3            /* the venue accepts an order whenever it arrives */
#define NO_DRAIN 4             /* the hand-over does not wait for what was sent */
#define NO_HEARTBEAT 5         /* a take-over names the epoch only */
#define GRANT_IS_VALIDITY 6    /* a grant counts as a renewal */
#define NO_HOME 7              /* a take-over does not name the home: what was seen of it counts */
#define OLD_LIFE 8             /* who starts again goes on under its old lease */
#define DEAF 9                 /* LIVE: a holder renews and hears of no drain */
#define NOBODY_TAKES_OVER 10   /* LIVE */

#define OPEN 0
#define DRAINING 1
#define HALTED 2

#define RENEW 1
#define TAKE 2
#define HAND 3
#define RELEASE 4
#define END_DRAIN 5

/* 1 and 2 live in Region 1, 3 in Region 2; 4 and 5 are lives that are over, of Region 1 and of Region 2. */
#define regionOf(x) ((x == 3 || x == 5) -> 2 : 1)
#define deadOf(x) (3 + regionOf(x))

/* The item. */
byte holder = 0;
byte home = 1;
byte mode = OPEN;
byte successor = 0;

/* A write: on its way (sent), or judged and its answer on its way. */
typedef Write {
  byte kind;
  bool judged;
  bool sameEpoch;   /* the epoch that it names is still the item's; once judged: the one that its answer shows */
  bool sameBeat;    /* epoch and heartbeat, likewise */
  byte mode;        /* that it names; once judged: the one that its answer shows, and so on */
  byte home;
  byte successor;
  byte to;          /* whom it makes the holder */
  bool applied;
  bool mine         /* the answer shows its sender as the holder, under the epoch that it meant */
}

typedef Contender {
  bool tenure;      /* named as the holder, as far as it knows */
  bool stopped;     /* sends nothing new */
  byte valid;       /* for so many ticks, from acknowledged renewals */
  byte sentAge;     /* ticks since the renewal on its way was sent */
  byte wait;        /* a standby: ticks until it may take over */
  bool sameEpoch;   /* what it knows of the item is still so */
  bool sameBeat;
  byte mode;        /* as it knows them */
  byte home;
  byte successor;
  byte mayBeAccepted;    /* for so many ticks the venue may accept what this life sent */
  byte formerLife        /* … and what former lives sent */
}

Contender c[4];
Write now_[4];      /* the one that is awaited */
Write late[4];      /* one that is awaited no more: it may apply at any time, or never */
byte controls = CONTROLS;
byte crashes = CRASHES;
byte doubts = DOUBTS;
bool moved[4];      /* LIVE: had its turn in this tick */

inline clear(w) { d_step {
  w.kind = 0; w.judged = false; w.sameEpoch = false; w.sameBeat = false; w.mode = 0; w.home = 0; w.successor = 0; w.to = 0; w.applied = false; w.mine = false } }

/* The heartbeat moves: whoever knew it, knows it no more. */
inline beat() {
  for (k : 1 .. 3) { c[k].sameBeat = false; now_[k].sameBeat = false; late[k].sameBeat = false }
}

inline newEpoch(who) {
  for (k : 1 .. 3) {
    /* The promise: nothing of an older epoch can be accepted any more. */
    assert(c[k].mayBeAccepted == 0 && c[k].formerLife == 0);
    c[k].sameEpoch = false; now_[k].sameEpoch = false; late[k].sameEpoch = false
  }
  beat();
  holder = who
}

/* The table judges a write of contender i by the item as it is, and shows the item in its answer. */
inline judge(w, i) {
  w.applied = false;
  if
  :: w.kind == RENEW && w.sameEpoch && home == regionOf(i) && mode != HALTED ->
     w.applied = true; beat()
  :: w.kind == TAKE && w.sameEpoch && (w.sameBeat || MUTANT == NO_HEARTBEAT) && (home == regionOf(i) || MUTANT == NO_HOME) && mode == w.mode ->
     /* Nobody takes a book into a Region that is not its home. */
     assert(home == regionOf(w.to));
     w.applied = true; newEpoch(w.to); mode = OPEN; successor = 0
  :: w.kind == HAND && w.sameEpoch && w.sameBeat && home == regionOf(i) && mode == w.mode && successor == w.successor ->
     w.applied = true; newEpoch(w.to); mode = OPEN; home = regionOf(w.to); successor = 0
  :: w.kind == RELEASE && w.sameEpoch && w.sameBeat ->
     w.applied = true; newEpoch(0)
  :: w.kind == END_DRAIN && w.sameEpoch && mode == DRAINING && successor == w.successor ->
     w.applied = true; mode = OPEN; successor = 0
  :: else -> skip
  fi
}

inline reveal(w, i) {
  w.judged = true;
  w.mine = (w.kind == TAKE -> w.applied && holder == i : w.sameEpoch && holder == i);
  w.sameEpoch = true; w.sameBeat = true;
  w.mode = mode; w.home = home; w.successor = successor
}

inline become_standby(i) {
  c[i].tenure = false; c[i].stopped = false; c[i].valid = 0; c[i].wait = 0; c[i].sentAge = 0;
  c[i].sameEpoch = false; c[i].sameBeat = false; c[i].mode = 0; c[i].home = 0; c[i].successor = 0
}

/* The answer to the awaited write of contender i. */
inline answer(i) {
  if
  :: !c[i].tenure && now_[i].mine ->
     c[i].tenure = true; c[i].wait = 0; c[i].stopped = false;
     c[i].valid = (MUTANT == GRANT_IS_VALIDITY -> LEASE : 0);
     c[i].sameEpoch = now_[i].sameEpoch; c[i].sameBeat = now_[i].sameBeat; c[i].mode = now_[i].mode; c[i].home = now_[i].home; c[i].successor = now_[i].successor
  :: !c[i].tenure && !now_[i].mine -> become_standby(i)
  :: c[i].tenure && !now_[i].mine -> become_standby(i)
  :: c[i].tenure && now_[i].mine ->
     c[i].sameBeat = now_[i].sameBeat; c[i].mode = now_[i].mode; c[i].home = now_[i].home; c[i].successor = now_[i].successor;
     if
     :: now_[i].kind == RENEW && now_[i].applied ->
        c[i].valid = (MUTANT == FROM_ANSWER -> LEASE : LEASE - c[i].sentAge);
        /* The drain was called off, and this validity is from a renewal sent after all else. */
        if :: c[i].stopped && c[i].mode == OPEN && c[i].home == regionOf(i) -> c[i].stopped = false :: else -> skip fi
     :: now_[i].kind != RENEW || !now_[i].applied ->
        /* What was sent to end the tenure may still be on its way: only a renewal sent from now on makes it void. */
        if
        :: c[i].stopped ->
           c[i].valid = 0;
           if :: c[i].mode == OPEN && c[i].home == regionOf(i) -> c[i].stopped = false :: else -> skip fi
        :: else -> skip
        fi
     fi
  fi;
  c[i].sentAge = 0; clear(now_[i])
}


inline send(i, what) {
  now_[i].kind = what; now_[i].sameEpoch = c[i].sameEpoch;
  /* Only what the write names: more would make two states of one. */
  if :: what != RENEW && what != END_DRAIN -> now_[i].sameBeat = c[i].sameBeat :: else -> skip fi;
  if
  :: what == TAKE -> now_[i].mode = c[i].mode; now_[i].to = i
  :: what == HAND -> now_[i].mode = c[i].mode; now_[i].successor = c[i].successor; now_[i].to = c[i].successor
  :: what == END_DRAIN -> now_[i].successor = c[i].successor
  :: else -> skip
  fi
}

/* A standby looks at the item. */
inline look(i) {
  if
  :: holder == i ->
     c[i].tenure = true; c[i].stopped = false; c[i].wait = 0;
     c[i].valid = (MUTANT == GRANT_IS_VALIDITY -> LEASE : 0); c[i].sameEpoch = true; c[i].sameBeat = true
  :: else ->
     /* An epoch that was given up needs no waiting. */
     if :: !c[i].sameBeat -> c[i].wait = ((holder == 0 || MUTANT == NO_WAIT) -> 0 : LEASE) :: else -> skip fi;
     c[i].sameEpoch = true; c[i].sameBeat = true
  fi;
  c[i].mode = mode; c[i].home = home; c[i].successor = (c[i].tenure -> successor : 0)
}

#define leaving(i) (c[i].mode == HALTED || c[i].home != regionOf(i))
#define knowsAnything(i) (c[i].home != 0)
#define nothingOnItsWay(i) ((c[i].mayBeAccepted == 0 && (MUTANT == OLD_LIFE || c[i].formerLife == 0)) || MUTANT == NO_DRAIN)

/* The whole of a contender's writes, each with when it may be sent. */
inline sendSomething(i) {
  if
  :: !c[i].tenure && knowsAnything(i) && c[i].wait == 0 && !leaving(i) -> send(i, TAKE)
  :: c[i].tenure && !leaving(i) -> send(i, RENEW)
  :: c[i].tenure && c[i].stopped && nothingOnItsWay(i) && !leaving(i) && c[i].mode == DRAINING -> send(i, HAND)
  :: c[i].tenure && c[i].stopped && nothingOnItsWay(i) && leaving(i) -> send(i, RELEASE)
  :: c[i].tenure && !leaving(i) && c[i].mode == DRAINING -> send(i, END_DRAIN)
  fi
}
#define canSend(i) ((!c[i].tenure && knowsAnything(i) && c[i].wait == 0 && !leaving(i)) || (c[i].tenure && !leaving(i)) || (c[i].tenure && c[i].stopped && nothingOnItsWay(i) && leaving(i)))

inline trade(i) {
  /* No order beside another's: also where both are of the newest epoch. */
  for (k : 1 .. 3) { assert(c[k].formerLife == 0 && (k == i || c[k].mayBeAccepted == 0)) }
  c[i].mayBeAccepted = c[i].valid
}

inline loseMemory(i) {
  crashes--;
  c[i].formerLife = (c[i].formerLife > c[i].mayBeAccepted -> c[i].formerLife : c[i].mayBeAccepted);
  c[i].mayBeAccepted = 0;
  if
  :: MUTANT == OLD_LIFE -> clear(now_[i])
  :: else ->
     if :: holder == i -> holder = deadOf(i) :: else -> skip fi;
     if :: successor == i -> successor = deadOf(i) :: else -> skip fi;
     /* What the former life sent stays on its way, and makes nobody of now the holder. */
     if
     :: now_[i].kind != 0 && !now_[i].judged && late[i].kind == 0 ->
        late[i].kind = now_[i].kind; late[i].sameEpoch = now_[i].sameEpoch; late[i].sameBeat = now_[i].sameBeat;
        late[i].mode = now_[i].mode; late[i].successor = now_[i].successor; late[i].to = now_[i].to
     :: else -> skip
     fi;
     for (k : 1 .. 3) {
       if :: now_[k].to == i -> now_[k].to = deadOf(i) :: else -> skip fi;
       if :: late[k].to == i -> late[k].to = deadOf(i) :: else -> skip fi;
       if :: now_[k].successor == i -> now_[k].successor = deadOf(i) :: else -> skip fi;
       if :: late[k].successor == i -> late[k].successor = deadOf(i) :: else -> skip fi;
       if :: c[k].successor == i -> c[k].successor = deadOf(i) :: else -> skip fi
     }
     clear(now_[i]);
     become_standby(i)
  fi
}

proctype contender(byte i) {
  byte k;
  do
#ifdef LIVE
  /* One whole step in each tick, in which nothing fails. */
  :: atomic { !moved[i] ->
       moved[i] = true;
       if
       :: !c[i].tenure -> look(i)
       :: else -> skip
       fi;
       if
       :: !c[i].tenure && c[i].wait == 0 && !leaving(i) && MUTANT != NOBODY_TAKES_OVER -> send(i, TAKE); judge(now_[i], i); reveal(now_[i], i); answer(i)
       :: c[i].tenure && leaving(i) -> c[i].stopped = true; c[i].mayBeAccepted = 0; send(i, RELEASE); judge(now_[i], i); reveal(now_[i], i); answer(i)
       :: c[i].tenure && !leaving(i) && c[i].mode == DRAINING && MUTANT != DEAF && c[i].successor <= 3 && c[i].successor != i ->
          c[i].stopped = true; c[i].mayBeAccepted = 0; send(i, HAND); judge(now_[i], i); reveal(now_[i], i); answer(i)
       :: c[i].tenure && !leaving(i) && c[i].mode == DRAINING && MUTANT != DEAF && (c[i].successor > 3 || c[i].successor == i) ->
          send(i, END_DRAIN); judge(now_[i], i); reveal(now_[i], i); answer(i)
       :: c[i].tenure && !leaving(i) && (c[i].mode != DRAINING || MUTANT == DEAF) ->
          send(i, RENEW); judge(now_[i], i); reveal(now_[i], i); answer(i);
          if :: c[i].tenure && c[i].valid > 0 && !c[i].stopped && c[i].mode == OPEN -> trade(i) :: else -> skip fi
       :: else -> skip
       fi }
#else
  :: atomic { !c[i].tenure && now_[i].kind == 0 -> look(i) }
  :: atomic { now_[i].kind == 0 && canSend(i) -> sendSomething(i) }
  :: atomic { now_[i].kind != 0 && !now_[i].judged -> judge(now_[i], i); reveal(now_[i], i) }
  :: atomic { now_[i].kind != 0 && now_[i].judged -> answer(i) }
  :: atomic { c[i].tenure && c[i].valid > 0 && !c[i].stopped && c[i].mayBeAccepted < c[i].valid -> trade(i) }
  :: atomic { c[i].tenure && !c[i].stopped && (leaving(i) || c[i].mode == DRAINING) -> c[i].stopped = true }
  /* The outcome of all that was sent is known. */
  :: atomic { c[i].stopped && c[i].mayBeAccepted > 0 -> c[i].mayBeAccepted = 0 }
  /* No answer in time: whether it applies, and when, nobody knows. */
  :: atomic { doubts > 0 && now_[i].kind != 0 && late[i].kind == 0 ->
       doubts--;
       if
       :: now_[i].judged -> skip
       :: else ->
          late[i].kind = now_[i].kind; late[i].sameEpoch = now_[i].sameEpoch; late[i].sameBeat = now_[i].sameBeat;
          late[i].mode = now_[i].mode; late[i].successor = now_[i].successor; late[i].to = now_[i].to
       fi;
       c[i].sentAge = 0; clear(now_[i]) }
  :: atomic { late[i].kind != 0 -> if :: judge(late[i], i) :: skip fi; clear(late[i]) }
  :: atomic { crashes > 0 -> loseMemory(i) }
#endif
  od
}

/* Cutovers, switchovers, failovers, people: their writes judge the item as it is, whenever they arrive. */
proctype control() {
  do
  :: atomic { controls > 0 && mode == OPEN ->
       controls--; mode = DRAINING;
       if :: successor = 1 :: successor = 2 :: successor = 3 fi }
  :: atomic { controls > 0 && mode == DRAINING -> controls--; mode = OPEN; successor = 0 }
  :: atomic { controls > 0 ->
       controls--; home = 3 - home;
       if :: mode == DRAINING -> mode = OPEN; successor = 0 :: else -> skip fi }
  :: atomic { controls > 0 && mode != HALTED -> controls--; mode = HALTED; successor = 0 }
  :: atomic { controls > 0 && mode == HALTED -> controls--; mode = OPEN }
  od
}

proctype time() {
  byte k;
  do
  :: atomic {
#ifdef LIVE
       moved[1] && moved[2] && moved[3] ->
#else
       true ->
#endif
       for (k : 1 .. 3) {
         moved[k] = false;
         if :: c[k].valid > 0 -> c[k].valid-- :: else -> skip fi;
         if :: c[k].wait > 0 -> c[k].wait-- :: else -> skip fi;
         if :: now_[k].kind == RENEW && c[k].sentAge < LEASE -> c[k].sentAge++ :: else -> skip fi;
         if
         :: MUTANT != NO_EXPIRY ->
            if :: c[k].mayBeAccepted > 0 -> c[k].mayBeAccepted-- :: else -> skip fi;
            if :: c[k].formerLife > 0 -> c[k].formerLife-- :: else -> skip fi
         :: else -> skip
         fi
       }
     }
  od
}

init { atomic { run contender(1); run contender(2); run contender(3); run control(); run time() } }

#ifdef LIVE
#define trading (c[1].mayBeAccepted > 0 || c[2].mayBeAccepted > 0 || c[3].mayBeAccepted > 0)
ltl a_drain_ends { [] ((mode == DRAINING) -> <> (mode != DRAINING)) }
ltl trading_goes_on { (<> [] (mode == HALTED)) || ([] <> trading) }
#endif
