use super::*;

const SOON: Duration = Duration::from_secs(20);

/// Runs `act` as rank 0 and as ranks 1.. of a gang over loopback and returns their results in order of rank.
fn gang_of<T: Send>(world: u32, act: impl Fn(Result<Gang, GangError>) -> T + Sync) -> Vec<T> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::scope(|scope| {
        let (act, address) = (&act, &address);
        let followers: Vec<_> = (1..world)
            .map(|rank| scope.spawn(move || act(Gang::follow(address, rank, world, 7, SOON))))
            .collect();
        let mut results = vec![act(Gang::lead(&listener, world, 7, SOON))];
        results.extend(followers.into_iter().map(|f| f.join().unwrap()));
        results
    })
}

#[test]
fn three_ranks_share_state_and_sums_and_agree() {
    let results = gang_of(3, |gang| {
        let mut gang = gang.unwrap();
        let mut state = if gang.rank() == 0 { b"from rank 0".to_vec() } else { Vec::new() };
        gang.broadcast(&mut state, 64).unwrap();
        let mut values = [gang.rank() as f32, 10.0, 0.5];
        gang.sum(1, &mut values).unwrap();
        gang.agree(1, 99).unwrap();
        (state, values)
    });
    assert!(results.iter().all(|r| *r == (b"from rank 0".to_vec(), [3.0, 30.0, 1.5])), "{results:?}");
}

#[test]
fn a_rank_with_other_parameters_is_found_by_both_ends() {
    let texts = gang_of(2, |gang| {
        let mut gang = gang.unwrap();
        gang.agree(50, u64::from(gang.rank())).unwrap_err().to_string()
    });
    let expected = "parameters of rank 1 differ from those of rank 0 after step 50";
    assert_eq!(texts, [expected, expected]);
}

#[test]
fn a_lost_peer_ends_the_gang_and_asks_for_a_restart() {
    gang_of(3, |gang| {
        let mut gang = gang.unwrap();
        if gang.rank() == 2 {
            return;
        }
        let error = gang.sum(4, &mut [1.0; 8]).unwrap_err();
        assert!(error.is_restartable() && matches!(error, GangError::Lost { step: 4, .. }), "{error}");
    });
}

#[test]
fn ranks_out_of_step_find_out() {
    let texts = gang_of(2, |gang| {
        let mut gang = gang.unwrap();
        let step = 8 + u64::from(gang.rank());
        gang.sum(step, &mut [1.0]).unwrap_err().to_string()
    });
    assert!(texts[0].starts_with("rank 1 is out of step: "), "{texts:?}");
}

#[test]
fn strangers_are_ignored_and_ranks_of_another_run_are_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::scope(|scope| {
        let address = &address;
        let mut stranger = TcpStream::connect(address).unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\nHost: trainer\r\n\r\n").unwrap();
        drop(TcpStream::connect(address).unwrap());
        let follower = scope.spawn(move || Gang::follow(address, 1, 2, 8, SOON));
        let refused = Gang::lead(&listener, 2, 7, SOON).unwrap_err();
        assert!(matches!(refused, GangError::Mismatch { peer: 1 }) && !refused.is_restartable(), "{refused}");
        let told = follower.join().unwrap().unwrap_err();
        assert!(matches!(told, GangError::Mismatch { peer: 1 }), "{told}");
    });
    let alone = Gang::lead(&listener, 2, 7, Duration::ZERO).unwrap_err().to_string();
    assert_eq!(alone, "only 1 of 2 ranks joined within 0 s");
}

#[test]
fn a_relay_that_closes_before_rank_0_is_there_is_tried_again() {
    let relay = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = relay.local_addr().unwrap().to_string();
    std::thread::scope(|scope| {
        let follower = scope.spawn(|| Gang::follow(&address, 1, 2, 7, SOON));
        drop(relay.accept().unwrap());
        let leader = scope.spawn(|| Gang::lead(&relay, 2, 7, SOON).unwrap());
        let mut leader = leader.join().unwrap();
        let mut follower = follower.join().unwrap().unwrap();
        scope.spawn(move || follower.agree(1, 5).unwrap());
        leader.agree(1, 5).unwrap();
    });
}
