//! Circles and reachability in graphs given as lists of successors.
//!
//! Must never recurse: a journey of 10,000 steps is one long path.

/// Some circles, at most `limit`, each as its members in order, beginning with the smallest.
pub(super) fn cycles(edges: &[Vec<usize>], limit: usize) -> Vec<Vec<usize>> {
    let mut gone = vec![false; edges.len()];
    let mut found = Vec::new();
    while found.len() < limit {
        trim(edges, &mut gone);
        let Some(start) = gone.iter().position(|gone| !gone) else { break };
        // Every node that is left has a successor that is left: walking on must come round.
        let mut place = vec![usize::MAX; edges.len()];
        let mut path = Vec::new();
        let mut here = start;
        while place[here] == usize::MAX {
            place[here] = path.len();
            path.push(here);
            match edges[here].iter().find(|next| !gone[**next]) {
                Some(next) => here = *next,
                None => return found,
            }
        }
        let mut circle = path.split_off(place[here]);
        let smallest = circle.iter().enumerate().min_by_key(|(_, node)| **node);
        let first = smallest.map_or(0, |(index, _)| index);
        circle.rotate_left(first);
        for node in &circle {
            gone[*node] = true;
        }
        found.push(circle);
    }
    found
}

/// Takes away all nodes that are on no circle and between no two.
fn trim(edges: &[Vec<usize>], gone: &mut [bool]) {
    let mut back: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (node, successors) in edges.iter().enumerate() {
        for next in successors {
            back[*next].push(node);
        }
    }
    peel(edges, &back, gone);
    peel(&back, edges, gone);
}

/// Takes away nodes without a successor, again and again.
fn peel(edges: &[Vec<usize>], back: &[Vec<usize>], gone: &mut [bool]) {
    let mut left: Vec<usize> =
        edges.iter().map(|next| next.iter().filter(|next| !gone[**next]).count()).collect();
    let mut ready: Vec<usize> =
        (0..edges.len()).filter(|node| !gone[*node] && left[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        gone[node] = true;
        for before in &back[node] {
            if gone[*before] {
                continue;
            }
            left[*before] = left[*before].saturating_sub(1);
            if left[*before] == 0 {
                ready.push(*before);
            }
        }
    }
}

/// What can be reached from `start`, itself included.
pub(super) fn reachable(edges: &[Vec<usize>], start: usize) -> Vec<bool> {
    let mut seen = vec![false; edges.len()];
    let mut todo = vec![start];
    while let Some(node) = todo.pop() {
        if std::mem::replace(&mut seen[node], true) {
            continue;
        }
        todo.extend(edges[node].iter().copied().filter(|next| !seen[*next]));
    }
    seen
}

/// Whether a way of at least one edge leads from `from` to `to`; gives up (`true`) when `budget`
/// is used up. `back` holds predecessors: the answer is usually near `to`.
pub(super) fn leads_to(back: &[Vec<usize>], from: usize, to: usize, budget: &mut usize) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    let mut todo: std::collections::VecDeque<usize> = back[to].iter().copied().collect();
    while let Some(node) = todo.pop_front() {
        if node == from {
            return true;
        }
        if *budget == 0 {
            return true;
        }
        *budget -= 1;
        if seen.insert(node) {
            todo.extend(back[node].iter().copied());
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_are_found_and_ways_into_and_out_of_them_are_not() {
        // 0 → 1 → 2 → 1, 2 → 3, and 4 → 4.
        let edges = vec![vec![1], vec![2], vec![1, 3], vec![], vec![4]];
        assert_eq!(cycles(&edges, 10), vec![vec![1, 2], vec![4]]);
        assert_eq!(cycles(&edges, 1), vec![vec![1, 2]]);
        assert_eq!(reachable(&edges, 2), vec![false, true, true, true, false]);
    }
}
