//! What people give to a simulation: traces and clusters of others, and lists of nodes and pods. What is read is simulated, if it is small.

use std::fmt::Display;

use holdfast_simulator::{
    Baseline, Cluster, Config, NodeList, PodList, Policy, Rule, Simulation, Trace, fill,
};

use crate::target::Target;

/// Jobs and accelerators beyond which a simulation is not worth its time here.
const SMALL: (usize, u32) = (64, 64);

pub(super) fn targets() -> Vec<Target> {
    let trace = "#job id,arrival time (sec),size,duration (sec)\n0,0.0,1,30\n1,7,12,\"3600\"\n2,7.5,8,0\n";
    let queues = "arrival,devices,duration,queue\r\n0,4,100,night\r\n5,2,20,day\r\n";
    let cluster = "nodes = [{ count = 2, devices = 8 }]\nfailures = { mean = \"1d\", repair = \"1h\" }\n\
                   checkpoints = { interval = \"10m\", cost = \"1s\", restart = \"1m\" }\n";
    let nodes = "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,2,P100\nn1,96000,393216,8,G2\n";
    let pods = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos\np0,12000,16384,1,1000,,LS\n\
                p1,6000,12288,1,460,P100|G2,BE\np2,4000,1,0,0,,LS\np3,88000,327680,8,1000,\"G2\",LS\n";
    vec![
        Target::damaged("node-list", 2_000, vec![nodes.into()], move |bytes| {
            match (NodeList::parse(bytes), PodList::parse(pods.as_bytes())) {
                (Err(error), _) | (_, Err(error)) => way(&error),
                (Ok(nodes), Ok(pods)) => filled(&nodes, &pods),
            }
        }),
        Target::damaged("pod-list", 2_000, vec![pods.into()], move |bytes| {
            match (NodeList::parse(nodes.as_bytes()), PodList::parse(bytes)) {
                (Err(error), _) | (_, Err(error)) => way(&error),
                (Ok(nodes), Ok(pods)) => filled(&nodes, &pods),
            }
        }),
        Target::damaged("trace", 2_000, vec![trace.into(), queues.into()], |bytes| {
            match Trace::parse(bytes) {
                Err(error) => way(&error),
                Ok(trace) => {
                    let small = trace.jobs().len() <= SMALL.0
                        && trace.jobs().iter().all(|job| job.devices <= SMALL.1);
                    if small { all(&trace, &Cluster::of(2, 8)) } else { "large".to_owned() }
                }
            }
        }),
        Target::damaged("cluster", 2_000, vec![cluster.into()], move |bytes| {
            let text = String::from_utf8_lossy(bytes);
            match (Cluster::parse(&text), Trace::parse(queues.as_bytes())) {
                (Err(error), _) => way(&error),
                (_, Err(error)) => way(&error),
                (Ok(cluster), Ok(trace)) => {
                    let nodes: u32 = cluster.nodes.iter().map(|group| group.count).sum();
                    if nodes <= SMALL.1 { all(&trace, &cluster) } else { "large".to_owned() }
                }
            }
        }),
    ]
}

/// Every policy ends, and loses no job.
fn all(trace: &Trace, cluster: &Cluster) -> String {
    let baselines = Baseline::ALL.into_iter().map(Policy::Baseline);
    for policy in baselines.chain([Policy::Holdfast(Config::default())]) {
        let ran = Simulation::new(trace, cluster, &policy, 1, (0, 1)).and_then(|it| it.run(&mut |_, _| ()));
        let jobs = ran.map(|outcome| outcome.jobs + outcome.left_out + outcome.given_up);
        assert_eq!(jobs, Ok(u64::try_from(trace.jobs().len()).unwrap_or(u64::MAX)), "{policy}");
    }
    "simulated".to_owned()
}

/// Every rule ends, and gives away no more than there is.
fn filled(nodes: &NodeList, pods: &PodList) -> String {
    if pods.count() > SMALL.0 || nodes.nodes().len() > SMALL.0 {
        return "large".to_owned();
    }
    for rule in Rule::ALL {
        match fill(nodes, pods, rule, 1, 150) {
            Ok(filled) => assert!(filled.allocated <= 10_000 && filled.refused <= filled.arrived, "{rule:?}"),
            Err(error) => return way(&error),
        }
    }
    "filled".to_owned()
}

/// The first words of an error: the rest is of the input.
fn way(error: &impl Display) -> String {
    error.to_string().chars().take(24).collect()
}
